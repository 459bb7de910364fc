"""Untrained network: the backbone as it was drawn. Nothing learns, not even the classifier.

    theta = theta_0,   theta_0 as the backbone draws it

Chance, but for what an initialisation happens to say of the classes: whoever does not stand clear of this row has
learned nothing. Initial weights are commonly those of He, Zhang, Ren & Sun, "Delving deep into rectifiers: surpassing
human-level performance on ImageNet classification", ICCV 2015, as of all CIFAR ResNets here.
"""

from collections.abc import Sequence

from benchmark import Method, Phase


class Untrained(Method):
    title = "Untrained network"
    paper = "https://arxiv.org/abs/1502.01852"
    authors = "He, Zhang, Ren & Sun"
    year = 2015
    citation = {
        "author": "Kaiming He and Xiangyu Zhang and Shaoqing Ren and Jian Sun",
        "booktitle": "International Conference on Computer Vision (ICCV)",
    }
    family = "strictly modular"
    leaves = ("hidden", "output")
    cut_matters = False

    def phases(self) -> Sequence[Phase]:
        return ()
