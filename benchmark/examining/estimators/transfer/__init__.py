"""Transferability estimation: scores that promise what a frozen module is worth to another task, and their trial."""
