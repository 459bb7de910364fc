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
