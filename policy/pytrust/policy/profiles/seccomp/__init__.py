"""Seccomp: files, what an engine makes of them, and what the kernel does with a call."""
