"""Docker plugins, and the authorization plugin: revocation for an engine that clients reach directly."""
