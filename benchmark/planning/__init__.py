"""What training will cost, and what can be cut, before anything runs."""
