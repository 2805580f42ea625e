"""Certificates and lists, made; and requests for them, read. Pure."""
