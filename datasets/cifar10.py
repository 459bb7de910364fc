"""CIFAR-10 (Krizhevsky, 2009): 60 000 colour pictures, 32x32, ten classes; what most papers here report."""

from pathlib import Path

from torchvision.datasets import CIFAR10

from benchmark.engine.data import Dataset, Pictures
from benchmark.engine.sources import load_cifar


class Cifar10(Dataset):
    title = "CIFAR-10"
    url = "https://www.cs.toronto.edu/~kriz/cifar.html"
    classes = 10
    image_size = 32
    channels = 3
    mean = (0.4914, 0.4822, 0.4465)
    std = (0.2470, 0.2435, 0.2616)

    def load(self, root: Path) -> tuple[Pictures, Pictures, str]:
        """From `root`/cifar-10-batches-py, else `root`/cifar10/{train,test}/CLASS/*.jpg, else the network."""
        return load_cifar(self, root, "cifar10", CIFAR10)
