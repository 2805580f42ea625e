"""Wire formats: the model to bytes and back."""
