"""The only part that holds a socket to the engine on behalf of somebody else."""
