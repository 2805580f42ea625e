"""Certificates for hosts that ask with a token, and their renewal."""
