"""What was found in an image."""
