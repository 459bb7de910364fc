"""CIFAR-100 (Krizhevsky, 2009): 60 000 colour pictures, 32x32, a hundred classes of 600."""

from pathlib import Path

from torchvision.datasets import CIFAR100

from benchmark.engine.data import Dataset, Pictures
from benchmark.engine.sources import load_cifar


class Cifar100(Dataset):
    title = "CIFAR-100"
    url = "https://www.cs.toronto.edu/~kriz/cifar.html"
    classes = 100
    image_size = 32
    channels = 3
    mean = (0.5071, 0.4865, 0.4409)
    std = (0.2673, 0.2564, 0.2762)

    def load(self, root: Path) -> tuple[Pictures, Pictures, str]:
        """From `root`/cifar-100-python, else `root`/cifar100/{train,test}/CLASS/*.jpg, else the network."""
        return load_cifar(self, root, "cifar100", CIFAR100)
