"""What the pages say of themselves and of their numbers: one text for both front ends, code between backticks."""

from markupsafe import Markup

from benchmark.display.texts import RANKS

LEADS = {  # under the title of each page
    "map": "Where each method stands: in the survey’s tree, and in a grid of what tells methods apart.",
    "trade-offs": (
        "What accuracy costs in memory, time or compute, beside end-to-end backpropagation on the same backbone."
    ),
    "modules": "What happens to accuracy and memory as the network is cut into more modules, K.",
    "curves": "How runs learned: validation accuracy by epoch.",
    "published": "Each paper’s own figure, ours of the same data set, backbone, K and method, and the difference.",
    "runs": (
        "Every trained network (a cell: suite, method, backbone, K, variant, seed), those that failed included, with "
        "what it was made from."
    ),
    "submit": (
        "A method is one file in `methods/`; its name is the method’s id. It says losses, and has no loop over epochs, "
        "no optimiser and no device in it. Nobody needs our permission to try."
    ),
}
HOW_TO_READ = {  # of the leaderboard's numbers
    "Rank": RANKS,
    "Accuracy": (
        "is that on the test split after the last epoch, never the best one; the test split is touched once, after "
        "training."
    ),
    "±": "is half of the 95 % t interval over n seeds; one seed has none.",
    "Best": (
        "is the highest mean of its suite, backbone and recipe, of rows with at least 3 seeds that lack none, "
        "references apart, once half of its rows lack none. What is marked ≈ cannot be told from it: the 95 % t "
        "interval of the per-seed differences holds zero (no correction for many comparisons). A smoke test has "
        "neither."
    ),
    "Recipe": (
        "is whose settings a row was trained by. Shared: the suite’s, for all methods. Tuned: each method’s best of "
        "equally many tries, chosen on the validation split. Paper: a paper’s. Ranks are of one of them, and rows of "
        "different recipes are not compared."
    ),
    "vs end-to-end": (
        "is the mean of the per-seed differences to end-to-end backpropagation on the same backbone, by the same "
        "recipe, for the suite’s epochs, in points. “At equal epochs” and “at equal FLOPs” give it as many epochs, or "
        "FLOPs of the whole training, as the method had, by interpolation between its runs of several lengths."
    ),
    "Memory": (
        "counts simulated tensor bytes at the peak of a training step. It is not GPU memory: allocator slack, "
        "workspaces and the CUDA context are not in it. Of tuned rows it holds what their optimisers keep, which is "
        "one number a parameter more for AdamW than for SGD, and the twin’s may be another."
    ),
    "Time": (
        "is the median ratio of interleaved training steps on one machine, and FLOPs are those of a training step. "
        "Both are ratios to the end-to-end twin; of several phases they are summed, each times its share of the "
        "suite’s epochs."
    ),
    "Auxiliary": "parameters are thrown away after training.",
    "K": "alone is not comparable across papers: “Cut after” names the cut points.",
    "Verification": (
        "says who trained a cell of the row again from nothing (`beyond verify`): its authors, its authors on another "
        "machine, or somebody else, which alone is green. Of an older file: the record was trained again since. Never: "
        "nobody tried. Failed: it did not agree."
    ),
    "Isolation": "held where losses moved no further modules than the method claims, else it leaks.",
    "Status": "counts the cells that failed or diverged: they stay in the table.",
}
TRADE_OFFS = (
    "Up and left is better. The green stair is the Pareto front of the rows shown: of those that lack no seed, no "
    "other is at least as accurate for at most that cost; all its points are named, with K. Grey diamonds are the "
    "references, end-to-end backpropagation (the cross) and gradient checkpointing. Bars are 95 % t intervals, thin "
    "lines join the K of one method. Costs are on a logarithmic axis, accuracy is not. Memory is simulated tensor "
    "bytes, not GPU memory."
)
REFERENCE_CURVE = "End-to-end backpropagation for multiples of the suite’s epochs: the dashed line."
MODULES = (
    "Bands and bars are 95 % t intervals over seeds; memory has none, as it is simulated (tensor bytes, not GPU "
    "memory). The dashed line is end-to-end backpropagation, of one module. K alone is not comparable across papers: "
    "the leaderboard names the cut points."
)
PUBLISHED = (
    "Where there is no verdict, recipes may differ: compare epochs and pictures before reading anything into a "
    "difference. Empty cells are settings that nobody has run here; “Own suite” names what would be "
    "run (`dvc repro SUITE`, most on a GPU). A paper’s ± is its standard deviation, ours half of the 95 % t interval. "
    "Gigabytes are compared as the ratio to the end-to-end row of the same table. A figure whose paper states no K "
    "stands beside each K of ours."
)
FIGURES = {  # the metrics of published.csv
    "test_error_pct": "test error, %",
    "test_error_top5_pct": "top-5 error, %",
    "overhead_flops_pct": "extra FLOPs, %",
    "overhead_time_pct": "extra time, %",
    "memory_ratio": "memory, × end-to-end",
}
OWN_SUITE = "the suite here that is the figure’s own setting; empty where none is"
FIDELITY = (
    "Run beside the code of its authors, or of who re-implemented it, on the same weights and batch; else beside an "
    "independent computation or an identity that its paper proves. The deviation is the largest difference over the "
    "largest entry, single steps or a few, and says nothing of accuracy; what differs on purpose stands in the file or "
    "in the note."
)
SEARCH = (
    "Validation accuracy; the test split is not looked at. Larger points trained for more epochs; the ring is the "
    "configuration that was chosen, the best of those trained for all epochs. Every method has as many tries."
)
EDITION = "Docstrings, comments and layout apart, it is"  # followed by the hash of another of the method's files
PLANNED = (
    "Nobody has trained these rows yet. Their memory and FLOPs are predicted by simulating one training step; they are "
    "no results, and have no accuracy and no rank."
)
TUNING = (
    "Test accuracy by the suite’s recipe and by each method’s own, mean over the seeds that both finished, and what "
    "the search chose on the validation split. A method’s page shows all its trials."
)


def with_code(words: str) -> Markup:
    """Our own sentence, what stands between backticks as code."""
    parts = words.split("`")
    shown = [Markup("<code>{}</code>" if i % 2 else "{}").format(part) for i, part in enumerate(parts)]
    return Markup("").join(shown)
