"""The domain model of signed image names: pure, and free of any wire format."""
