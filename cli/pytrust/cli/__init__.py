"""The pytrust command."""
