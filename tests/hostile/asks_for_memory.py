"""A hostile method file: it asks for more memory than there is."""

import torch

from benchmark import LocalMethod

kept = torch.ones(2**34)  # 64 GiB


class Hostile(LocalMethod):
    title = "Hostile: asks for memory"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
