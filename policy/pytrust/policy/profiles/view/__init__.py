"""A profile for people: what is open, why, and what stays shut."""
