"""Benchmarks beside real peers; ``python -m bench [NAME...]`` prints one JSON object a line."""
