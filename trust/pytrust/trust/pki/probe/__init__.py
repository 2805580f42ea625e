"""What really listens at a host and port."""
