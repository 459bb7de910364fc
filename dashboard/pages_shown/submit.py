"""How to bring a method to the leaderboard."""

import streamlit as st
from escaping import plain
from parts import heading

from benchmark.display.explanations import LEADS
from benchmark.display.submission import LAST, REVIEW, STEPS


def main() -> None:
    """The page."""
    heading("Submit a method", LEADS["submit"])
    for number, (title, command, what) in enumerate(STEPS, start=1):
        st.markdown(f"**{number}. {title}**: {plain(what)}")
        st.code(command, language="sh", wrap_lines=True)
    st.markdown(f"**{len(STEPS) + 1}.** {plain(LAST)}")
    st.header("The smallest complete example", anchor=False)
    st.code(example(), language="python", line_numbers=True, wrap_lines=True)
    st.header("What reviewers look at", anchor=False)
    st.markdown("\n".join(f"- **{what}** {says}" for what, says in REVIEW.items()))


def example() -> str:
    """The file that ``beyond new`` writes."""
    from benchmark.submitting.new import starting_file

    return starting_file("my_method")


main()
