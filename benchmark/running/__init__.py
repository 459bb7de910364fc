"""Where and how cells run: one cell, many of them, the processes that hold them."""
