"""How to bring a method to the leaderboard."""

import streamlit as st
from escaping import plain
from parts import heading

from benchmark.display.submission import LAST, STEPS

LEAD = "A method is one file. Write it, check it, run it, and open a pull request; nobody needs our permission to try."
REVIEW = """
- **One file** in `methods/` and its test, what `beyond register` wrote, and, if it was run, its records and tables in
  `results/`; no other change to the engine, nor to another method.
- **The docstring** cites the paper and states the objective as an equation; departures from the paper are named.
- **Metadata** are literals: title, authors, year, paper (http or https), family, and which locks the method removes.
- **Isolation as claimed**: the check changes each loss and looks which modules' gradients move.
- **Nothing tuned on the test split.** It is touched once, after training, by the engine; a method never sees it.
- **Failed cells stay**: a method that diverges somewhere has a row that says so.
- **Records agree**: somebody else runs `beyond verify` on sampled cells, and the row then says so, in green.
"""


def main() -> None:
    """The page."""
    heading("Submit a method", LEAD)
    for number, (title, command, what) in enumerate(STEPS, start=1):
        st.markdown(f"**{number}. {title}**: {plain(what)}")
        st.code(command, language="sh", wrap_lines=True)
    st.markdown(f"**{len(STEPS) + 1}.** {plain(LAST)}")
    st.subheader("The smallest complete example", anchor=False)
    st.code(example(), language="python", line_numbers=True)
    st.subheader("What reviewers look at", anchor=False)
    st.markdown(REVIEW)


def example() -> str:
    """The file that ``beyond new`` writes."""
    from benchmark.submitting.new import starting_file

    return starting_file("my_method")


main()
