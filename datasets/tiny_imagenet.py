"""Tiny ImageNet (Stanford CS231n, 2015): 200 classes of ImageNet at 64x64, 500 training and 50 test pictures each.

The test pictures are those of the labelled validation part, as everywhere in the literature: the archive's own test
part has no labels. Some pictures are grey; their three channels are equal.
"""

from pathlib import Path

from benchmark import Dataset, Pictures, load_tree

PER_CLASS = 500  # training pictures of the whole data set


class TinyImageNet(Dataset):
    title = "Tiny ImageNet"
    url = "https://cs231n.stanford.edu/tiny-imagenet-200.zip"
    classes = 200
    image_size = 64
    channels = 3
    mean = (0.4802, 0.4481, 0.3975)  # of all training pictures; of the first 150 a class the same to 0.0004
    std = (0.2770, 0.2691, 0.2821)
    pad = 8  # an eighth of the side, as on CIFAR

    def load(self, root: Path) -> tuple[Pictures, Pictures, str]:
        """From `root`/tiny-imagenet-200/{train,val}/CLASS/*.JPEG; the archive's val must be sorted into classes.

        Fewer pictures are another data set: with 150 a class in the training part, the source is tiny_imagenet-150.
        """
        train, test, kind = load_tree(self, root, "tiny-imagenet-200", even=True)
        per_class = len(train) // self.classes
        few = "" if per_class == PER_CLASS else f"-{per_class}"
        return train, test, f"tiny_imagenet{few}" + ("" if kind == "jpeg" else f"-{kind}")
