"""Watching containers: trials on a real engine, recorders, the runtime's floor, and denials while containers run."""
