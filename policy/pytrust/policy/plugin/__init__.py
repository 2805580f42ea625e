"""The Docker authorization plugin: revocation for an engine that clients reach directly."""
