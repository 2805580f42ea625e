"""A profile in the words of others: Docker, OCI, AppArmor, compose, Kubernetes."""
