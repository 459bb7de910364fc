"""A network and pictures of your own: train them by any method, and keep a plain checkpoint."""
