"""Examine trained networks: what an examination is, the networks it sees, its records, and who runs it."""
