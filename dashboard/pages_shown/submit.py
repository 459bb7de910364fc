"""How to bring a method to the leaderboard."""

import streamlit as st
from parts import heading

LEAD = "A method is one file. Write it, check it, run it, and open a pull request; nobody needs our permission to try."
STEPS = (
    ("Start from a file that runs", "beyond new my_method", "writes `methods/my_method.py`, the file shown below."),
    (
        "Check it",
        "beyond check methods/my_method.py",
        "says in under a minute on a CPU, check by check, what is wrong.",
    ),
    (
        "Enter it",
        "beyond register",
        "adds it to the pipeline, and a line to the README. Commit it then: records name their commit.",
    ),
    (
        "Run it",
        "beyond run digits --method my_method",
        "trains it on the embedded digits, in minutes; `dvc repro digits@my_method` does the same as a stage.",
    ),
    (
        "Verify it",
        "beyond verify digits --method my_method",
        "trains sampled cells again from nothing and compares them with the records.",
    ),
)
REVIEW = """
- **One file** in `methods/`, its records in `results/runs/`, and the tables that `beyond table` writes; no change to
  the engine, nor to another method.
- **The docstring** cites the paper and states the objective as an equation; departures from the paper are named.
- **Metadata** are literals: title, authors, year, paper (http or https), family, and which locks the method removes.
- **Isolation as claimed**: the check changes each loss and looks which modules' gradients move.
- **Nothing tuned on the test split.** It is touched once, after training, by the engine; a method never sees it.
- **Failed cells stay**: a method that diverges somewhere has a row that says so.
- **Records agree**: reviewers run `beyond verify` on sampled cells, and the row is then marked verified.
"""


def main() -> None:
    """The page."""
    heading("Submit a method", LEAD)
    for number, (title, command, what) in enumerate(STEPS, start=1):
        st.markdown(f"**{number}. {title}**: `{command.split()[0]} {command.split()[1]}` {what}")
        st.code(command, language="sh")
    st.markdown("**6. Open a pull request** with all that, `dvc.lock` and `results/`; `CONTRIBUTING.md` says more.")
    st.subheader("The smallest complete example", anchor=False)
    st.code(example(), language="python", line_numbers=True)
    st.subheader("What reviewers look at", anchor=False)
    st.markdown(REVIEW)


def example() -> str:
    """The file that ``beyond new`` writes."""
    from benchmark.new import starting_file

    return starting_file("my_method")


main()
