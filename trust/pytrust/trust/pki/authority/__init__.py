"""The authority of one host: its index, its keys, and what it does with them."""
