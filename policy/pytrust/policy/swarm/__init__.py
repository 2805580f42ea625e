"""The swarm's own keys: is its store sealed, and does the vault hold what opens it?"""
