"""Why TLS for an engine does not work, or is not safe: certificates, files and servers of any authority."""
