"""The decision: may this run? No I/O, no clock, no logging, no environment."""
