"""Finding out what is trusted: sources, the local cache, refresh and look-up."""
