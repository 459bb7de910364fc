"""What the merge of two branches leaves to mend, so that no generated file is ever merged by hand.

Lists, tables and golden trajectories are functions of methods and records: they are written anew. ``dvc.lock`` is
merged stage by stage: of two entries that one holds which fits the files as they are. ``.gitattributes`` keeps git from
merging such files line by line. What a person has to decide is named.
"""

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from benchmark.engine import golden
from benchmark.errors import UserError
from benchmark.examining.examination import examination_names
from benchmark.schema.editions import SAID
from benchmark.schema.text import decoded, read_bytes, write_text

LOCK, GOLDEN = Path("dvc.lock"), "benchmark/engine/golden.json"
LARGEST = 2**26  # bytes of a file that `register` reads
LOCK_START = "schema: '2.0'\nstages:\n"
STAGE = re.compile(r"^  (\S+):\n((?:    .*\n)+)", re.M)
MARKER = re.compile(r"^(<{7}|>{7}) .*$", re.M)
HUNK = re.compile(r"^<{7}.*\n((?:.*\n)*?)={7}\n((?:.*\n)*?)>{7}.*(?:\n|\Z)", re.M)
OURS = re.compile(  # written anew by `register`, whatever stands there
    r"dvc\.lock|params\.yaml|README\.md|benchmark/engine/golden\.json|results/(methods|cells|metrics/[^/]+)/[^/]+"
    r"|results/(leaderboard(-columns)?|ranking|curves|claims|claim_cases|reproductions|tuning|reference)\.csv|results/suites\.json"
    rf"|results/({'|'.join(examination_names())})(-\w+)?\.csv"
)


def read(path: Path) -> str:
    """The text of a file of the repository.

    Raises:
        UserError: it cannot be read, or is no UTF-8.
    """
    return decoded(read_bytes(path, LARGEST), path)


def check_conflicts() -> None:
    """Stop where a person has to decide.

    Raises:
        UserError: a file that no command writes is in conflict.
    """
    left = [path for path in _unmerged() if not OURS.fullmatch(path)]
    if not left:
        return
    first, others = left[0], f" (and {len(left) - 1} more)" if len(left) > 1 else ""
    then = "then run `beyond register` again"
    if first.startswith(("results/runs/", "results/examined/", "results/tuned/", "results/verified/")):
        place = first if first.startswith("results/tuned/") else first.rsplit("/", 1)[0]
        raise UserError(
            f"{first}{others} was written on both sides, and no record can be made of two: keep yours by `git checkout "
            f"--ours {place}`, or take the other by `git checkout --theirs {place}`; `git add {place}`, and {then}."
        )
    raise UserError(f"{first}{others} is in conflict: decide what it shall say, `git add {first}`, {then}.")


def without_conflicts(readme: str) -> str:
    """The README with one side of conflicts in its table of methods, which is written anew.

    Raises:
        UserError: another part of it is in conflict.
    """
    for hunk in HUNK.finditer(readme):
        if not _only_rows(hunk[1] + hunk[2]):
            raise UserError(
                f"README.md is in conflict (line {1 + readme.count(chr(10), 0, hunk.start())}), not only in its table "
                "of methods: decide what it shall say, then run `beyond register` again."
            )
    return HUNK.sub(r"\1", readme)


def _only_rows(text: str) -> bool:
    return all(line.startswith("|") for line in text.splitlines())


def trajectories_known() -> dict[str, Any]:
    """Golden trajectories of methods as they are now, from whichever side has them.

    Raises:
        UserError: there are none to be read.
    """
    text = read(golden.FILE) if golden.FILE.exists() else ""
    known = [said for side in (text, *_sides(GOLDEN)) if isinstance(said := _json(side), dict) and "files" in said]
    if not known:
        raise UserError(
            f"{GOLDEN} cannot be read: take it from an earlier commit, `git checkout HEAD~ -- {GOLDEN}`, and run "
            "`beyond register` again."
        )
    found: dict[str, Any] = {"files": {}, "trajectories": {}}
    for name, sha in golden.files().items():
        if side := next((each for each in known if each["files"].get(name) == sha), None):
            found["files"][name] = sha
            own = {key: losses for key, losses in side["trajectories"].items() if key.split("/")[0] == name}
            found["trajectories"] |= own
    return found


def unite_sources() -> None:
    """Let ``results/methods`` keep the methods' files that the records of either side name.

    A text that is the first of its code on either side stays one: no edition is then one of an edition.
    """
    revisions = _revisions()
    for path in sorted(SAID.glob("*.json")):
        texts = [read(path), *_texts(str(path), revisions)]
        sides = [said for text in texts if isinstance(said := _json(text), dict)]
        texts_of = [(sha, file) for said in sides for sha, file in said.get("files", {}).items()]
        files = dict(sorted(texts_of, key=lambda found: "edition_of" not in found[1]))
        if sides and files != sides[0].get("files"):
            write_text(json.dumps(sides[0] | {"files": files}, indent=1) + "\n", path)


def merge_stages() -> None:
    """Write ``dvc.lock`` with the stages of both sides that fit the files as they are.

    Raises:
        UserError: it is in conflict and git knows no side of it, or is not as DVC writes it.
    """
    text = read(LOCK) if LOCK.exists() else LOCK_START
    sides = _sides(str(LOCK))
    texts = [each for each in (text, *sides) if not MARKER.search(each)]
    if not texts:
        raise UserError(f"{LOCK} is in conflict: take either side, `git checkout --ours {LOCK}`, and run this again.")
    if not sides:
        return
    stages = dict(STAGE.findall(texts[0]))
    if _lock(stages) != texts[0]:
        raise UserError(f"{LOCK} is not as DVC writes it: take it from an earlier commit, and run this again.")
    for name, entry in (found for side in texts[1:] for found in STAGE.findall(side)):
        if entry != stages.get(name) and not (name in stages and fits(stages[name])) and fits(entry):
            stages[name] = entry
    write_text(_lock(stages), LOCK)


def _lock(stages: dict[str, str]) -> str:
    return LOCK_START + "".join(f"  {name}:\n{entry}" for name, entry in stages.items())


def fits(entry: str) -> bool:
    """Whether a stage's entry says of its files and parameters what they are now."""
    said = yaml.safe_load(entry)
    files = all(
        dvc_hash(Path(each["path"])) == each.get("md5") for each in [*said.get("deps", []), *said.get("outs", [])]
    )
    return files and all(_asks(Path(path), values) for path, values in said.get("params", {}).items())


def _asks(path: Path, values: dict[str, Any]) -> bool:
    now = yaml.safe_load(read(path)) if path.exists() else {}
    return all(now.get(key) == value for key, value in values.items())


def dvc_hash(path: Path) -> str:
    """DVC's hash of a file or folder; empty where there is none."""
    if path.is_file():
        return hashlib.md5(path.read_bytes()).hexdigest()
    files = sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file())
    entries = [{"md5": dvc_hash(file), "relpath": name} for name, file in files]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir" if files else ""


def _sides(path: str) -> list[str]:
    """The texts of a file on the sides of a merge under way, or of the one that was committed last; else nothing."""
    return _texts(path, _revisions())


def _revisions() -> list[str]:
    """What git calls those sides."""
    revisions = [":2", ":3"] if _unmerged() else []
    heads = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD")
    if others := [head for head in heads if _git("rev-parse", "--quiet", "--verify", head)]:
        revisions += ["HEAD", *others]
    elif _git("rev-parse", "--quiet", "--verify", "HEAD^2"):
        revisions += ["HEAD^1", "HEAD^2"]
    return revisions


def _texts(path: str, revisions: list[str]) -> list[str]:
    texts = (_git("show", f"{revision}:./{path}") for revision in revisions)
    return list(dict.fromkeys(text for text in texts if text))


def _unmerged() -> list[str]:
    return [path for path in _git("diff", "--name-only", "--diff-filter=U", "--relative", "-z").split("\0") if path]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _git(*arguments: str) -> str:
    """What git prints; nothing where it refuses, or where there is no git."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.decode(errors="replace")
