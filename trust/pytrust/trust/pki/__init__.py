"""A certificate authority for Docker engines: who may speak to one, and how clients know the right one."""
