"""What the programs of an image could call, found without running them."""
