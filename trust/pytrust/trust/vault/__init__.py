"""Secrets at rest: encrypted, versioned, bound to their place, and never served older than what was seen."""
