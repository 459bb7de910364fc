"""Transferability estimation: binary tasks, scores that promise what a frozen module is worth to one, and their trial."""
