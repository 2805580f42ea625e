"""The secret provider plugin: secrets of swarm services that never lie in the swarm."""
