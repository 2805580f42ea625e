"""Compose and stack files: the secrets that stand in them, and the same files without. Pure."""
