"""What a training costs, how far its losses reach, what its modules know."""
