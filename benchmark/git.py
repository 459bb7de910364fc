"""What git says of the working tree, and that it does not know, where it does not: never "clean" for want of an answer.

There may be no git, no repository, one that belongs to another user, a sandbox that starts no processes, or an
archive unpacked inside somebody else's repository: then the commit is ``unknown`` and nobody knows what is edited.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

# what can change a number
NUMERIC_SOURCES = ("benchmark/engine", "benchmark/running", "benchmark/schema", "methods", "datasets", "suites.yaml")
UNKNOWN = "unknown"
# No hook and no helper of the repository's own configuration runs, and parallel cells do not lock each other out.
ASK = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false")
SOURCES = (".py", ".yaml", "PROTOCOL")
CONTENT = ("--follow", "--find-renames=100%", "--diff-filter=AM")  # commits that changed what stands in a file
SIGNED = "%an <%ae>%n%(trailers:key=Co-authored-by,valueonly)"


class Refused(Exception):
    """Git did not answer; the message says why, in its own words."""


class Commit(NamedTuple):
    """A commit: its hash, when it was made (ISO 8601, with its zone), and its message's first line."""

    hash: str
    date: str
    subject: str


def commit() -> str:
    """The hash of the commit that is checked out here; ``unknown`` where git does not say."""
    try:
        return _head()
    except Refused:
        return UNKNOWN


def dirty() -> bool | None:
    """Whether something that can change a number is not committed; none where git does not say."""
    try:
        _head()
        return bool(_edited())
    except Refused:
        return None


def author() -> str | None:
    """``Name <address>``, as git signs a commit here; none where nobody told it, as it would guess from the host."""
    try:
        return _git("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT").rsplit(" ", 2)[0]
    except Refused:
        return None


def origin() -> str | None:
    """Where this repository was cloned from, as its configuration says it, secrets included; none if nowhere."""
    try:
        _head()
        return _git("config", "--get", "remote.origin.url").strip() or None
    except Refused:
        return None


def authors(path: Path) -> list[str]:
    """Each ``Name <address>`` of the commit that brought a file's content, co-authors too; a mere move brings none.

    None where git does not say: the content is not committed, or the history does not go back far enough.
    """
    try:
        _head()
        if shallow() or _git("status", "--porcelain", "--untracked-files=all", "--", str(path)):
            return []
        said = _git("log", "-1", *CONTENT, f"--format={SIGNED}", "--", str(path))
        return [line for line in said.splitlines() if line]
    except Refused:
        return []


def history(path: Path, most: int) -> list[Commit]:
    """The newest commits, at most so many, that changed a file or folder; the newest first, a merge as one of them.

    Raises:
        Refused: git does not say.
    """
    _head()
    said = _git("log", "--first-parent", f"-{most}", "--format=%H%x1f%cI%x1f%s", "--", _below_the_top(path))
    return [Commit(*line.split("\x1f", 2)) for line in said.splitlines()]


def content(commit: Commit, path: Path) -> str:
    """What stood in a file at a commit; empty if it was not there.

    Raises:
        Refused: git does not say.
    """
    name = _below_the_top(path)
    there = _git("ls-tree", "--name-only", commit.hash, "--", name)
    return _git("cat-file", "blob", f"{commit.hash}:{name}") if there else ""


def shallow() -> bool:
    """Whether older commits were left out when this repository was cloned.

    Raises:
        Refused: git does not say.
    """
    return _git("rev-parse", "--is-shallow-repository").strip() == "true"


def differs(path: Path) -> bool:
    """Whether something below a path is not as it was committed.

    Raises:
        Refused: git does not say.
    """
    return bool(_git("status", "--porcelain", "--", _below_the_top(path)))


def _below_the_top(path: Path) -> str:
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        raise Refused("the folder lies outside the repository") from None


def trouble() -> str:
    """Why git says nothing of this tree, in a sentence; empty if it does."""
    try:
        _head()
        return ""
    except Refused as refusal:
        return f"Git says nothing of this tree ({refusal}), so records will name no commit (git_dirty: null)."


def _head() -> str:
    """The commit of the repository whose top is the current folder."""
    top = _git("rev-parse", "--show-toplevel", errors="surrogateescape").rstrip("\n")
    there = top.encode(errors="surrogateescape")  # its very bytes: a locale may have no letters for them
    if not (there and os.path.samefile(there, os.getcwdb())):
        raise Refused("the repository around it is another one")
    return _git("rev-parse", "--verify", "HEAD").strip()


def _edited() -> list[str]:
    """Sources that are not as committed, also those that git was told to overlook."""
    changed = _git("status", "--porcelain", "--untracked-files=all", "--", *NUMERIC_SOURCES).splitlines()
    ignored = _git("ls-files", "--others", "--ignored", "--exclude-standard", "--", *NUMERIC_SOURCES).splitlines()
    marked = _git("ls-files", "-v", "--", *NUMERIC_SOURCES).splitlines()
    overlooked = [line[2:] for line in marked if line[0] == "S" or line[0].islower()]  # skip-worktree, assume-unchanged
    return changed + [p for p in ignored if p.endswith(SOURCES)] + [p for p in overlooked if Path(p).exists()]


def _git(*arguments: str, errors: str = "replace") -> str:
    try:
        done = subprocess.run(
            [*ASK, *arguments],
            capture_output=True,
            env=_environment(os.environ),
            encoding="utf-8",
            errors=errors,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:  # no git here, or a sandbox that lets nothing else run
        raise Refused(f"it cannot be started: {error.strerror or error}") from None
    if done.returncode:
        reason = " ".join(done.stderr.split())
        raise Refused(reason[:200] or f"exit code {done.returncode}")
    return done.stdout


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Without what points git to another repository, as in its own hooks; what configures it, and who asks, stays."""
    keep = ("GIT_CONFIG", "GIT_EXEC_PATH", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_AUTHOR")
    kept = {name: value for name, value in ours.items() if not name.startswith("GIT_") or name.startswith(keep)}
    return kept | {"LC_ALL": "C"}
