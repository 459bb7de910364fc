"""Pictures of one's own as the data set of a suite, which says where they lie and what they are.

``folder: {path: flowers, classes: 5, image: 128}`` beside ``dataset: image_folder``: the training and the test pictures
are flowers/train and flowers/val (or test) below the data folder, each a folder with one for each class, or archives.
Training crops 8 to 100 % of a picture's area at random and mirrors it; evaluation takes the middle of a picture.
Channels are normalised by the statistics of ImageNet.
"""

from pathlib import Path
from typing import Any

from benchmark import Dataset, PictureFiles, load_files


class ImageFolder(Dataset):
    title = "A folder of pictures"
    url = "https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html"
    classes = 2  # and image_size: as the suite says
    image_size = 224
    channels = 3
    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)
    pad = 0  # of this size there are none before they are cropped
    path = ""
    placeable = True

    def placed(self, path: str, classes: int, image: int) -> Dataset:
        """The one in the folder ``path`` below the data folder, its pictures shown ``image`` pixels wide."""
        other: Any = ImageFolder()
        other.path, other.classes, other.image_size = path, classes, image
        return other

    def load(self, root: Path) -> tuple[PictureFiles, PictureFiles, str]:
        """From `root`/`path`/{train,val}/CLASS/*."""
        return load_files(self, root, self.path)
