"""Real parts for end-to-end tests, the demo and the benchmarks: a private Docker engine, a registry, tiny images."""
