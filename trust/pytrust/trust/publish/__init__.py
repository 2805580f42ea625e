"""Making the next state of a collection: loading what is trusted, signing, proposing, publishing."""
