"""What many tests at once leave of each p.

Holm 1979, "A simple sequentially rejective multiple test procedure".
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm_adjusted(p_values: ArrayLike) -> NDArray:
    """The error at which each is called certain: the smallest p times all m of them, the next times m - 1, ...

    None is less than one of a smaller p: the first that fails ends it. The chance that any is called certain by luck
    is then at most that error, however the tests hang together.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted
