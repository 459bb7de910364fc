"""Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): 70 000 grey pictures of clothes, 28x28, ten classes."""

from pathlib import Path

from torchvision.datasets import FashionMNIST

from benchmark.engine.data import Dataset, Pictures
from benchmark.engine.sources import download, load_idx

# where the Debian package dataset-fashion-mnist puts the same files
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
REINSTALL = "install the Debian package dataset-fashion-mnist again"
DOWNLOAD_AGAIN = "delete the folder FashionMNIST to have it downloaded again"
BY_HAND = "install the Debian package dataset-fashion-mnist, or put the four idx.gz files into FashionMNIST/raw"


class FashionMnist(Dataset):
    title = "Fashion-MNIST"
    url = "https://github.com/zalandoresearch/fashion-mnist"
    classes = 10
    image_size = 28
    channels = 1
    mean = (0.2860,)
    std = (0.3530,)
    pad = 2
    padding = "constant"  # clothes lie on black
    flip = True

    def load(self, root: Path) -> tuple[Pictures, Pictures, str]:
        """From `root`/FashionMNIST/raw, else the Debian package, else the network."""
        folder = root / "FashionMNIST" / "raw"
        if not folder.is_dir() and DEBIAN.is_dir():
            return *load_idx(self, DEBIAN, "install the Debian package dataset-fashion-mnist again"), "fashion_mnist"
        if not folder.is_dir():
            download(lambda scratch: FashionMNIST(scratch, download=True), root, "FashionMNIST", BY_HAND)
        return *load_idx(self, folder, DOWNLOAD_AGAIN), "fashion_mnist"
