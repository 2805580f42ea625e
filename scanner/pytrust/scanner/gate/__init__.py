"""Judging a scan by rules. Pure."""
