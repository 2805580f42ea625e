"""What is vouched for: names, keys, collections, stores and registries. Knows nobody above it."""
