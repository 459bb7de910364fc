"""Street View House Numbers (Netzer et al., 2011): 73 257 training and 26 032 test pictures of digits, 32x32.

The 531 131 easier pictures of its third part ("extra"), which some papers train on, too, are left out.
"""

from pathlib import Path

from torchvision.datasets import SVHN

from benchmark import Dataset, Pictures, load_halves


class Svhn(Dataset):
    title = "SVHN"
    url = "https://ufldl.stanford.edu/housenumbers"
    classes = 10
    image_size = 32
    channels = 3
    mean = (0.4377, 0.4438, 0.4728)
    std = (0.1980, 0.2010, 0.1970)
    pad = 2  # InfoPro's
    flip = False  # a mirrored digit is another sign

    def load(self, root: Path) -> tuple[Pictures, Pictures, str]:
        """From `root`/svhn/{train,test}_32x32.mat, else the network."""
        return *load_halves(self, root, "svhn", SVHN), "svhn"
