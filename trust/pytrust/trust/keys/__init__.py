"""Public keys, key rings and signers."""
