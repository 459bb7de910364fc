"""``beyond gpu-check``: whether a GPU does what the CPU does, and what it costs there."""
