"""What may run."""
