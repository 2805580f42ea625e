"""The process that holds the vault open, and how others speak to it over a unix socket."""
