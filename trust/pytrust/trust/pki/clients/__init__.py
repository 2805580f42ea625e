"""Whose client certificates count at this moment."""
