"""Ways to unlock the vault: each makes the 32-byte seed of its slot again, from something that the vault has not."""
