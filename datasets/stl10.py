"""STL-10 (Coates, Ng & Lee, 2011): 5 000 labelled training and 8 000 test pictures, 96x96, ten classes.

Its 100 000 unlabelled pictures are left out: no method here trains on other pictures than the rest.
"""

from pathlib import Path

from torchvision.datasets import STL10

from benchmark import Dataset, Pictures, load_halves


class Stl10(Dataset):
    title = "STL-10"
    url = "https://cs.stanford.edu/~acoates/stl10"
    classes = 10
    image_size = 96
    channels = 3
    mean = (0.4467, 0.4398, 0.4066)
    std = (0.2603, 0.2566, 0.2713)

    def load(self, root: Path) -> tuple[Pictures, Pictures, str]:
        """From `root`/stl10_binary, else the network."""
        return *load_halves(self, root, "stl10_binary", STL10), "stl10"
