"""An engine held against the CIS Docker Benchmark, and against what is signed."""
