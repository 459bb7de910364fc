"""Which of several variants stands for its method: the one rule of pictures and summaries, never by test accuracy."""

import pandas as pd


def one_variant(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one variant of each method, the same at every K.

    That of which most rows have an accuracy; of these the one that validates best on average, as for ranks.

    Args:
        rows: of the leaderboard, of one suite, backbone and recipe.
    """
    names = ["method", "variant"]
    said = rows.groupby(names, sort=False)["validation_top1_pct"].agg(["count", "mean"])
    best = said.sort_values(["count", "mean"], ascending=False, kind="stable").reset_index().drop_duplicates("method")
    return rows[pd.MultiIndex.from_frame(rows[names]).isin(pd.MultiIndex.from_frame(best[names]))]
