"""The same pictures in folders, tar archives, WebDataset's shards and Arrow files: the same bits; odd ones named."""

import io
import json
import multiprocessing
import os
import signal
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from conftest import small_suite
from PIL import Image

from benchmark.engine.pictures.data import Task
from benchmark.engine.pictures.files import PictureFiles
from benchmark.engine.pictures.parts import find_part
from benchmark.engine.pictures.stream import StreamingLoader
from benchmark.errors import DataMissing
from benchmark.using.folder import read_folder

CLASSES = ("a", "b", "c")
FEATURES = {"image": {"_type": "Image"}, "label": {"names": list(CLASSES), "_type": "ClassLabel"}}


@pytest.fixture(scope="module")
def stored() -> list[tuple[int, bytes]]:
    """Label and JPEG or PNG bytes of twelve pictures, class by class."""
    draw, found = np.random.default_rng(0), []
    for number in range(12):
        file = io.BytesIO()
        pixels = draw.integers(0, 256, (20 + number, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, "JPEG" if number % 2 else "PNG")
        found.append((number // 4, file.getvalue()))
    return found


def as_folders(root: Path, stored: list[tuple[int, bytes]]) -> None:
    for number, (label, content) in enumerate(stored):
        (root / "train" / CLASSES[label]).mkdir(parents=True, exist_ok=True)
        (root / "train" / CLASSES[label] / f"{number:02}.png").write_bytes(content)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def as_tar(root: Path, stored: list[tuple[int, bytes]]) -> None:
    with tarfile.open(root / "train.tar", "w") as archive:
        for number, (label, content) in enumerate(stored):
            add(archive, f"./{CLASSES[label]}/{number:02}.png", content)
            add(archive, f"./{CLASSES[label]}/._{number:02}.png", b"what macOS leaves")


def as_a_tar_a_class(root: Path, stored: list[tuple[int, bytes]]) -> None:
    (root / "train").mkdir()
    for label, name in enumerate(CLASSES):
        with tarfile.open(root / "train" / f"{name}.tar", "w") as archive:
            for number, (own, content) in enumerate(stored):
                if own == label:
                    add(archive, f"{number:02}.png", content)


def as_shards(root: Path, stored: list[tuple[int, bytes]]) -> None:
    for shard in range(2):
        with tarfile.open(root / f"train-{shard:04}.tar", "w") as archive:
            for number in range(6 * shard, 6 * shard + 6):
                label, content = stored[number]
                add(archive, f"{number:04}.cls", str(label).encode())
                add(archive, f"{number:04}.json", b"{}")
                add(archive, f"{number:04}.jpg", content)


def as_arrow(root: Path, stored: list[tuple[int, bytes]]) -> None:
    (root / "train").mkdir()
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("image", kind), ("label", pa.int64())], {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    )
    rows = [{"image": {"bytes": content, "path": None}, "label": label} for label, content in stored]
    with pa.ipc.new_stream(str(root / "train" / "data-00000-of-00001.arrow"), schema) as writer:
        for start in (0, 5):  # two batches, whose bytes begin at other places
            writer.write_batch(pa.RecordBatch.from_pylist(rows[start : 5 if not start else None], schema=schema))


def loader(part: PictureFiles, workers: int = 0) -> StreamingLoader:
    return StreamingLoader(part, Task(3, 16, 3, (0.5,) * 3, (0.25,) * 3), 5, train=True, workers=workers)


def shown(part: PictureFiles) -> torch.Tensor:
    return torch.cat([batch.raw for batch in loader(part).epoch(2)])


def train(root: Path) -> PictureFiles:
    _, part = find_part(root, ["train"])
    return part.labelled(part.classes)


@pytest.mark.parametrize("keep", [as_tar, as_a_tar_a_class, as_shards, as_arrow])
def test_the_same_pictures_are_the_same_bits_however_they_are_kept(tmp_path, stored, keep):
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    as_folders(tmp_path / "one", stored)
    keep(tmp_path / "other", stored)
    expected, found = train(tmp_path / "one"), train(tmp_path / "other")
    assert torch.equal(found.labels, expected.labels)
    assert [found.content(i) for i in range(12)] == [content for _, content in stored]
    assert torch.equal(shown(found), shown(expected))
    few = found.at(torch.tensor([7, 2]))
    assert few.content(0) == stored[7][1]
    assert few.sizes() == [len(stored[7][1]), len(stored[2][1])]
    again = PictureFiles.of_facts(few.facts())
    assert again.content(1) == stored[2][1]
    task = few.labelled(torch.tensor([1, 0]))  # of groups of classes
    assert (task.content(1), task.labels.tolist()) == (stored[2][1], [1, 0])


def test_random_augmentation_hangs_on_the_picture_and_not_on_the_worker(tmp_path, stored):
    as_tar(tmp_path, stored)
    recipe = small_suite().recipe.changed({"rand_augment": 9})

    def seen(workers, asked):
        plain = loader(train(tmp_path), workers)
        return torch.cat([batch.raw for batch in (plain.following(recipe) if asked else plain).epoch(2)])

    assert torch.equal(seen(0, True), seen(2, True))
    assert not torch.equal(seen(0, True), seen(0, False))


def test_one_archive_is_a_data_set_of_which_some_is_held_out(tmp_path, stored):
    as_tar(tmp_path, stored)
    folder = read_folder(tmp_path / "train.tar")
    assert (len(folder.train), len(folder.validation), folder.classes) == (11, 1, CLASSES)


def odd(name: str, content: bytes):
    def keep(root: Path) -> None:
        with tarfile.open(root / "train.tar", "w") as archive:
            add(archive, "a/0.png", b"x")
            add(archive, name, content)

    return keep


def linked(root: Path) -> None:
    with tarfile.open(root / "train.tar", "w") as archive:
        member = tarfile.TarInfo("a/0.png")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)


def cut_short(root: Path) -> None:
    odd("b/1.png", bytes(5000))(root)
    (root / "train.tar").write_bytes((root / "train.tar").read_bytes()[:4000])


def compressed(root: Path) -> None:
    with tarfile.open(root / "train.tar", "w:gz") as archive:
        add(archive, "a/0.png", b"x")


def arrow_of(features: dict, values: list):
    def keep(root: Path) -> None:
        (root / "train").mkdir()
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        said = {"huggingface": json.dumps({"info": {"features": features}})}
        schema = pa.schema([("image", kind), ("label", pa.int64())], said)
        with pa.ipc.new_stream(str(root / "train" / "data.arrow"), schema) as writer:
            writer.write_batch(pa.RecordBatch.from_pylist(values, schema=schema))

    return keep


@pytest.mark.parametrize(
    ("keep", "sentence"),
    [
        (odd("a/notes.txt", b""), r"train\.tar holds a/notes\.txt, no JPEG or PNG"),
        (odd("x/a/1.png", b""), r"the class a in two folders, a and x/a; give an archive for each part"),
        (odd("a/0.cls", b"cat"), r"a/0\.cls, whose content is no number"),
        (odd("a/1.cls", b"1"), r"a/0\.png without a \.cls"),
        (linked, r"a/0\.png, which is no plain file"),
        (cut_short, r"b/1\.png in part only, as it is cut short"),
        (compressed, r"train\.tar is no tar archive, or compressed or damaged"),
        (lambda root: (root / "train.tar.gz").touch(), r"train\.tar\.gz is compressed"),
        (lambda root: (root / "train-00000-of-00001.parquet").touch(), r"is Parquet; datasets\.load_dataset"),
        (arrow_of({"label": FEATURES["label"]}, []), r"not one column of pictures"),
        (arrow_of(FEATURES, [{"image": {"bytes": None}, "label": 0}]), r"rows without a picture's bytes"),
        (arrow_of(FEATURES, [{"image": {"bytes": b"x"}, "label": 7}]), r"labels without a name"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, keep, sentence):
    keep(tmp_path)
    with pytest.raises(DataMissing, match=sentence):
        train(tmp_path)


def test_a_damaged_picture_in_an_archive_is_named_with_it(tmp_path, stored):
    as_tar(tmp_path, [*stored, (2, b"no picture")])
    with pytest.raises(DataMissing, match=r"train\.tar:\./c/12\.png in .* no JPEG or PNG picture"):
        list(loader(train(tmp_path)).show([torch.tensor([0, 12])]))


def test_who_reads_does_not_hear_what_stops_a_training(tmp_path, stored):
    """Ctrl-C and a scheduler's SIGTERM reach all processes, and the training has a step to end and a file to write."""
    as_tar(tmp_path, stored)
    part = train(tmp_path)
    one_by_one = StreamingLoader(part, Task(3, 16, 3, (0.5,) * 3, (0.25,) * 3), 1, train=False, workers=1)
    batches = one_by_one.epoch(0)
    next(batches)
    for number in (signal.SIGINT, signal.SIGTERM):
        for reader in multiprocessing.active_children():
            os.kill(reader.pid, number)
    assert len(list(batches)) == 11
