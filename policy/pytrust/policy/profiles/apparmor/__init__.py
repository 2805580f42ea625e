"""AppArmor: a profile's part as text, what it allows, and the parser and the kernel that are asked about it."""
