"""How a method comes to the leaderboard: the steps that the page and the static page both show."""

STEPS = (  # title, command, what it does
    ("Start from a file that runs", "beyond new my_method", "writes methods/my_method.py, the file shown below."),
    (
        "Check it",
        "beyond check methods/my_method.py",
        "says in under a minute on a CPU, check by check, what is wrong and what to do.",
    ),
    (
        "Enter it",
        "beyond register",
        "adds it to the pipeline, and a line to the README.",
    ),
    (
        "Test and commit it",
        'python -m pytest -k my_method && git add . && git commit -m "Add my_method"',
        "tries it on three backbones; records name the commit that they were made from.",
    ),
    (
        "Run it",
        "dvc repro digits@my_method && git add . && git commit",
        "searches its recipe and trains it on the embedded digits, in minutes, seals the records and commits them.",
    ),
    (
        "Verify it",
        "beyond verify digits --method my_method; git restore results; git clean -fdq results/verified",
        "trains sampled cells again from nothing and compares them with the records; its outcomes are for you, and "
        "those of others are for readers.",
    ),
)
LAST = (
    "Open a pull request with the file, its test and what beyond register wrote. Results are welcome but not needed, "
    "since whoever has the machines runs the suites: dvc.lock and results/, without results/verified/. New rows turn "
    "green when somebody else has trained some of their cells again. CONTRIBUTING.md says more."
)
REVIEW = {  # what reviewers look at
    "One file": (
        "in `methods/` and its test, what `beyond register` wrote, and, if it was run, its records and tables in "
        "`results/`; no other change to the engine, nor to another method."
    ),
    "The docstring": "cites the paper and states the objective as an equation; departures from the paper are named.",
    "Metadata": "are literals: title, authors, year, paper (http or https), family, which locks the method removes.",
    "Isolation as claimed": "is tried: the check changes each loss and looks which modules’ gradients move.",
    "The test split": "tunes nothing: the engine touches it once, after training, and a method never sees it.",
    "Failed cells": "stay: a method that diverges somewhere has a row that says so.",
    "Records": "agree: somebody else runs `beyond verify` on sampled cells, and the row then says so, in green.",
}
