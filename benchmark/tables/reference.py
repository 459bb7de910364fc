"""The twin's reference curve: what end-to-end backpropagation reaches with more and with fewer epochs."""

import pandas as pd

from benchmark.tables.columns import SETTING, is_twin

KEY = [*SETTING, "source"]
TABLE = [*KEY, "times", "epochs", "train_tflops", "test_top1_pct", "test_top1_half_pct", "n_ok", "n_asked"]


def reference(board: pd.DataFrame) -> pd.DataFrame:
    """The twin's rows of each setting in which it was run for several lengths, by length; ``times`` is 1 for its own.

    Returns:
        Columns ``TABLE``, as they are in the leaderboard; empty where the twin has one length alone.
    """
    twins = board[is_twin(board)]
    rows = twins.assign(times=pd.to_numeric(twins["times"]).fillna(1.0), source=twins["source"].fillna(""))
    rows = rows[rows.groupby(KEY)["times"].transform("nunique") > 1]
    return rows.sort_values([*KEY, "times"], ignore_index=True)[TABLE]
