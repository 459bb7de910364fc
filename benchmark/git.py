"""What git says of the working tree; empty answers where there is no git, no repository, or a sandbox."""

import subprocess

# what can change a number
NUMERIC_SOURCES = ("benchmark/engine", "benchmark/running", "benchmark/schema", "methods", "datasets", "suites.yaml")


def commit() -> str:
    """The hash of the commit that is checked out."""
    return _git("rev-parse", "HEAD") or "unknown"


def dirty() -> bool:
    """Whether something that can change a number is not committed."""
    return bool(_git("status", "--porcelain", "--", *NUMERIC_SOURCES))


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:  # no git here, or a sandbox that lets nothing else run
        return ""
    return done.stdout.strip()
