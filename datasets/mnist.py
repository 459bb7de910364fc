"""MNIST (LeCun, Cortes and Burges, 1998): 70 000 grey handwritten digits, 28x28; papers' smallest setting."""

from pathlib import Path

from torchvision.datasets import MNIST

from benchmark import Dataset, Pictures, download, load_idx

DOWNLOAD_AGAIN = "delete the folder MNIST to have it downloaded again"
BY_HAND = "put the four idx.gz files into MNIST/raw"


class Mnist(Dataset):
    title = "MNIST"
    url = "https://yann.lecun.com/exdb/mnist/"
    classes = 10
    image_size = 28
    channels = 1
    mean = (0.1307,)
    std = (0.3081,)
    pad = 2
    padding = "constant"  # digits stand on black
    flip = False  # a mirrored digit is another sign

    def load(self, root: Path) -> tuple[Pictures, Pictures, str]:
        """From `root`/MNIST/raw, else the network."""
        folder = root / "MNIST" / "raw"
        if not folder.is_dir():
            download(lambda scratch: MNIST(scratch, download=True), root, "MNIST", BY_HAND)
        return *load_idx(self, folder, DOWNLOAD_AGAIN), "mnist"
