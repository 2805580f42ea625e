"""Least-privilege profiles: what they are, what they mean to an engine, and how two of them compare."""
