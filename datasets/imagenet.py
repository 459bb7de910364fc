"""ImageNet (ILSVRC 2012): 1 281 167 training pictures of a thousand classes, shown at 224x224.

The test pictures are the 50 000 of its labelled validation part, as everywhere in the literature. Pictures stay in
their files: training crops 8 to 100 % of their area at random and mirrors them, evaluation takes the middle of a
picture whose shorter side is 256. Their EXIF orientation is followed, which most loaders of the field do not.
"""

from pathlib import Path

from benchmark import Dataset, PictureFiles, load_files


class ImageNet(Dataset):
    title = "ImageNet"
    url = "https://image-net.org/challenges/LSVRC/2012"
    classes = 1000
    image_size = 224
    channels = 3
    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)

    def load(self, root: Path) -> tuple[PictureFiles, PictureFiles, str]:
        """From `root`/imagenet/{train,val}/CLASS/*.JPEG; its val must be sorted into classes."""
        return load_files(self, root, "imagenet")
