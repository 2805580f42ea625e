"""What is wrong with a profile, and what is dangerous in it."""
