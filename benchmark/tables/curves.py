"""Learning curves for ``dvc plots show`` and the sparklines: mean over seeds, a few points a curve."""

import pandas as pd

from benchmark.tables.columns import CURVE

POINTS = 20  # of a curve: a suite of 160 epochs must stay a small file in git; records have every epoch


def curves(cells: pd.DataFrame) -> pd.DataFrame:
    """Validation accuracy (percent) by epoch, mean over the seeds that ended ``ok``.

    Epochs count from 1 through all phases; those before the output module learns have no accuracy and no row.
    Of a longer curve at most ``POINTS`` epochs are kept, evenly spaced, the last among them.
    """
    ok = cells[cells["status"] == "ok"].dropna(subset=["curve"]).fillna({"source": ""})
    rows = [
        (*key, epoch, value)
        for *key, curve in ok[[*CURVE, "curve"]].itertuples(index=False)
        for epoch, value in enumerate(curve, start=1)
    ]
    long = pd.DataFrame(rows, columns=[*CURVE, "epoch", "validation_top1"]).dropna(subset=["validation_top1"])
    mean = long.groupby([*CURVE, "epoch"], as_index=False, dropna=False)["validation_top1"].mean()
    mean["validation_top1"] = mean["validation_top1"].round(2)
    from_end = mean.groupby(CURVE, dropna=False).cumcount(ascending=False)
    stride = -(-mean.groupby(CURVE, dropna=False)["epoch"].transform("size") // POINTS)
    return mean[from_end % stride == 0].reset_index(drop=True)
