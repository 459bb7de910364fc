"""Trees of picture files: read right and whole, or refused in one sentence that names what is odd."""

import errno
import multiprocessing
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from picture_files import rejected, tree
from PIL import Image

from benchmark.engine.load import load_dataset
from benchmark.engine.pictures import tree as trees
from benchmark.engine.pictures.data import fingerprint
from benchmark.errors import DataMissing

__all__ = ["tree"]
CAT = "cifar10/train/class4"
PICTURE = f"{CAT}/1.jpg"


def pixels(root: Path, name: str = "cifar10") -> str:
    """The fingerprint of what is read."""
    return fingerprint(*load_dataset(name).load(root)[:2])


def as_png(root: Path) -> Path:
    """The same tree, of PNG files."""
    for file in root.glob("cifar10/*/*/*.jpg"):
        Image.open(file).save(file.with_suffix(".png"))
        file.unlink()
    return root


def test_cifar10_from_a_tree(tree: Path):
    train, test, source = load_dataset("cifar10").load(tree)
    assert source == "cifar10-jpeg"
    assert train.images.shape == (30, 3, 32, 32)
    assert train.images.is_contiguous()
    assert train.labels.tolist() == [label for label in range(10) for _ in range(3)]
    assert test.labels.tolist() == list(range(10))
    assert train.images[:, 0, 0, 0].tolist() == [20 * label + n for label in range(10) for n in range(3)]


# --- read right -------------------------------------------------------------------------------------------


def test_a_tree_of_png_files_is_another_source(tree: Path):
    before = pixels(tree)
    assert load_dataset("cifar10").load(as_png(tree))[2] == "cifar10-png"
    assert pixels(tree) == before  # flat grey survives JPEG


def renamed(new: str) -> Callable[[Path], object]:
    return lambda root: (root / "cifar10/test").rename(root / "cifar10" / new)


def one_deeper(root: Path) -> None:
    (root / "cifar10").rename(root / "whole")
    (root / "cifar10").mkdir()
    (root / "whole").rename(root / "cifar10" / "CIFAR-10-images-master")
    (root / "cifar10" / "README.md").write_text("a note")


def part_deeper(root: Path) -> None:
    (root / "cifar10/train").rename(root / "images")
    (root / "cifar10/train").mkdir()
    (root / "images").rename(root / "cifar10/train/images")


def each_class_deeper(root: Path) -> None:
    for folder in root.glob("cifar10/*/*"):
        folder.rename(root / "class")
        folder.mkdir()
        (root / "class").rename(folder / "images")
        (folder / "boxes.txt").write_text("0 0 32 32")


def upper_case(root: Path) -> None:
    for number, file in enumerate(sorted(root.glob("cifar10/*/*/*.jpg"))):
        file.rename(file.with_suffix((".JPG", ".Jpeg", ".jpe", ".jfif")[number % 4]))


def with_company(root: Path) -> None:
    """What systems, archives and people leave beside pictures."""
    for name in (".DS_Store", "._0.jpg", "Thumbs.db", "desktop.ini", "README.md", "labels.csv", "LICENSE", "empty"):
        for folder in ("cifar10", "cifar10/train", CAT):
            (root / folder / name).write_bytes(b"" if name == "empty" else b"no picture")
    for folder in ("__MACOSX/cifar10", "@eaDir", ".ipynb_checkpoints"):
        (root / CAT / folder).mkdir(parents=True)
        (root / "cifar10" / folder).mkdir(parents=True)


def as_links(root: Path) -> None:
    (root / CAT).rename(root / "elsewhere")
    (root / CAT).symlink_to(root / "elsewhere")
    (root / PICTURE).rename(root / "picture")
    (root / PICTURE).symlink_to(root / "picture")


def named_in_latin_1(root: Path) -> None:
    for part in ("train", "test"):
        folder = os.fsencode(root / "cifar10" / part)
        os.rename(folder + b"/class9", folder + b"/class9\xe9\n")
    os.rename(os.fsencode(root / PICTURE), os.fsencode(root / CAT) + b"/1\xff.jpg")


READ = {
    "in a folder of its own": one_deeper,
    "its training part deeper": part_deeper,
    "its classes deeper": each_class_deeper,
    "val in place of test": renamed("val"),
    "valid in place of test": renamed("valid"),
    "capitals": renamed("Test"),
    "other suffixes": upper_case,
    "company": with_company,
    "links": as_links,
    "names that are no UTF-8": named_in_latin_1,
}


@pytest.mark.parametrize("how", READ)
def test_it_is_read_however_it_is_laid_out(tree: Path, how: str):
    before = pixels(tree)
    READ[how](tree)
    assert pixels(tree) == before
    (tree / ".decoded-cifar10.npz").unlink()
    assert pixels(tree) == before


def test_the_order_of_the_file_system_does_not_matter(tree: Path, monkeypatch: pytest.MonkeyPatch):
    before, scandir = pixels(tree), os.scandir

    def reverse(folder: Path) -> object:
        with scandir(folder) as found:
            return nullcontext(sorted(found, key=lambda entry: entry.name, reverse=True))

    (tree / ".decoded-cifar10.npz").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("benchmark.engine.pictures.tree_layout.os.scandir", reverse)
        assert pixels(tree) == before


COLOURS = np.random.RandomState(0).randint(0, 256, (32, 32, 3)).astype(np.uint8)
OPAQUE = np.dstack([COLOURS, np.full((32, 32), 255, np.uint8)])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "1", "P", "upside down", "damaged EXIF"])
def test_every_kind_of_picture_that_has_one_meaning_is_read_exactly(tree: Path, mode: str):
    as_png(tree)
    picture, expected, more = Image.fromarray(COLOURS), COLOURS, {}
    if mode in ("RGBA", "LA"):
        picture = Image.fromarray(OPAQUE).convert(mode)
        expected = np.asarray(Image.fromarray(COLOURS).convert("L" if mode == "LA" else "RGB").convert("RGB"))
    elif mode == "upside down":
        more, expected = {"exif": exif(3)}, COLOURS[::-1, ::-1]
    elif mode == "damaged EXIF":
        more = {"exif": b"Exif\0\0rubbish"}
    else:
        picture = picture.convert(mode)
        expected = np.asarray(picture.convert("RGB"))
    picture.save(tree / PICTURE.replace("jpg", "png"), **more)
    train, _, _ = load_dataset("cifar10").load(tree)
    assert np.array_equal(train.images[13].permute(1, 2, 0).numpy(), expected)


def exif(orientation: int) -> Image.Exif:
    data = Image.Exif()
    data[0x0112] = orientation
    return data


# --- the decoded pictures ---------------------------------------------------------------------------------


def test_decoded_tree_is_reused_until_a_file_changes(tree: Path, monkeypatch: pytest.MonkeyPatch):
    first = pixels(tree)
    with monkeypatch.context() as patch:
        patch.setattr(trees, "read_picture", lambda *_: pytest.fail("decoded again"))
        assert pixels(tree) == first
    Image.new("RGB", (32, 32), (255, 0, 0)).save(tree / "cifar10/train/class0/0.jpg")
    assert pixels(tree) != first


def flipped(whole: bytes) -> bytes:
    middle = len(whole) // 2
    return whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]


DAMAGE = {
    "flip": flipped,
    "truncate": lambda whole: whole[: len(whole) // 2],
    "no member": lambda whole: whole[-22:],
    "rubbish": lambda whole: b"rubbish",
    "empty": lambda whole: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_decoded_tree_is_ignored_and_mended(tree: Path, damage: str):
    first, cache = pixels(tree), tree / ".decoded-cifar10.npz"
    whole = cache.read_bytes()
    cache.write_bytes(DAMAGE[damage](whole))
    assert pixels(tree) == first
    assert cache.read_bytes() == whole
    assert sorted(each.name for each in tree.iterdir()) == [".decoded-cifar10.npz", "cifar10"]


def test_decoded_pictures_of_another_shape_are_ignored(tree: Path):
    first, cache = pixels(tree), tree / ".decoded-cifar10.npz"
    with np.load(cache) as stored:
        key = stored["key"]
    np.savez(cache, key=key, train=np.zeros((29, 32, 32, 3), np.uint8), test=np.zeros((10, 32, 32, 3)))
    assert pixels(tree) == first


@pytest.mark.parametrize("what", ["folder", "pipe", "link"])
def test_something_else_in_the_place_of_the_decoded_pictures_costs_time_only(tree: Path, what: str):
    cache = tree / ".decoded-cifar10.npz"
    {"folder": cache.mkdir, "pipe": lambda: os.mkfifo(cache), "link": lambda: cache.symlink_to(tree / "gone")}[what]()
    first = pixels(tree)
    assert pixels(tree) == first


def test_processes_that_decode_at_once_disturb_each_other_in_nothing(tree: Path):
    context = multiprocessing.get_context("forkserver")  # a fork of this process has its locks and signal handlers
    context.set_forkserver_preload(["benchmark.engine.load"])  # imports torch once for all four
    with context.Pool(4) as pool:
        found = pool.map(pixels, [tree] * 12)
    assert len(set(found)) == 1
    assert sorted(each.name for each in tree.iterdir()) == [".decoded-cifar10.npz", "cifar10"]


def test_pictures_that_change_while_they_are_decoded_are_not_kept(tree: Path, monkeypatch: pytest.MonkeyPatch):
    read = trees.read_picture

    def meddle(root: Path, file: str, *more: object) -> np.ndarray:
        if file == PICTURE:
            Image.new("RGB", (32, 32), (255, 0, 0)).save(tree / "cifar10/train/class0/0.jpg")
        return read(root, file, *more)

    with monkeypatch.context() as patch:
        patch.setattr(trees, "read_picture", meddle)
        first = pixels(tree)
    assert not (tree / ".decoded-cifar10.npz").exists()
    assert pixels(tree) != first


# --- refused ----------------------------------------------------------------------------------------------


def test_folder_empty(tree: Path):
    (tree / "cifar100").mkdir()
    assert "cifar100 in" in rejected(tree, "cifar100")
    assert "is empty" in rejected(tree, "cifar100")


ODD = {  # what is done to the tree, and what the sentence names
    "no test": (lambda root: (root / "cifar10/test").rename(root / "gone"), ["cifar10 in", "holds no folder test"]),
    "no parts": (
        lambda root: [(root / "cifar10" / part).rename(root / f"cifar10/{part}set") for part in ("train", "test")],
        ["holds no folder train, only testset, trainset"],
    ),
    "a third part": (lambda root: (root / "cifar10/val").mkdir(), ["holds both test and val", "move one of them"]),
    "a folder beside": (lambda root: (root / "cifar10/extra").mkdir(), ["holds extra beside train and test"]),
    "a part that is a file": (
        lambda root: [(root / "cifar10/test").rename(root / "gone"), (root / "cifar10/test").touch()],
        ["holds no folder test"],
    ),
    "a class too many in one": (
        lambda root: (root / "cifar10/train/odd").mkdir(),
        ["cifar10/train in", "holds class odd, but cifar10/test does not"],
    ),
    "a class of two names": (
        lambda root: (root / "cifar10/train/class9").rename(root / "cifar10/train/odd"),
        ["cifar10/train in", "holds class odd, but cifar10/test does not"],
    ),
    "a class that is a file": (
        lambda root: [(root / "cifar10/train/class9").rename(root / "gone"), (root / "cifar10/train/class9").touch()],
        ["cifar10/test in", "holds class class9, but cifar10/train does not"],
    ),
    "a class too few": (
        lambda root: [(root / "cifar10" / part / "class9").rename(root / part) for part in ("train", "test")],
        ["holds 9 class folders (class0, class1", "for 10 classes"],
    ),
    "an empty class": (
        lambda root: (root / PICTURE).parent.rename(root / "a") and (root / CAT).mkdir(),
        [CAT, "no .jpg"],
    ),
    "a class of text": (
        lambda root: [(root / "cifar10/test/class3/0.jpg").unlink(), (root / "cifar10/test/class3/a.txt").touch()],
        ["cifar10/test/class3 in", "holds no .jpg or .png pictures"],
    ),
    "a picture beside the classes": (
        lambda root: (root / PICTURE).rename(root / "cifar10/train/1.jpg"),
        ["cifar10/train/1.jpg in", "stands in no class's folder"],
    ),
    "a folder beside pictures": (lambda root: (root / CAT / "more").mkdir(), [f"{CAT} in", "holds the folder more"]),
    "a folder named as a picture": (
        lambda root: [(root / PICTURE).unlink(), (root / PICTURE).mkdir()],
        [f"{CAT} in", "holds the folder 1.jpg"],
    ),
    "a webp beside": (lambda root: (root / CAT / "9.WebP").touch(), [f"{CAT}/9.WebP in", "convert all to PNG"]),
    "a gif beside": (lambda root: (root / CAT / "9.gif").touch(), [f"{CAT}/9.gif in", "convert all to PNG"]),
    "a png beside": (
        lambda root: Image.new("RGB", (32, 32)).save(root / CAT / "9.png"),
        ["cifar10 in", "holds JPEG files (", f"PNG files ({CAT}/9.png)", "keep one"],
    ),
    "a picture by no name": (
        lambda root: (root / PICTURE).rename(root / CAT / "1"),
        [f"{CAT}/1 in", "is a JPEG picture, though its name does not say so"],
    ),
    "a dangling link": (
        lambda root: [(root / PICTURE).unlink(), (root / PICTURE).symlink_to("gone")],
        [PICTURE, "is a link that leads nowhere"],
    ),
    "a dangling class": (
        lambda root: [(root / CAT).rename(root / "a"), (root / CAT).symlink_to("gone")],
        [CAT, "is a link that leads nowhere"],
    ),
    "a link to itself": (
        lambda root: [(root / PICTURE).unlink(), (root / PICTURE).symlink_to("1.jpg")],
        [PICTURE, "is a link that leads nowhere"],
    ),
    "a loop of folders": (lambda root: (root / CAT / "loop").symlink_to(".."), [CAT, "holds the folder loop"]),
    "a whole loop": (
        lambda root: [(root / "cifar10").rename(root / "a"), (root / "cifar10").mkdir(), self_link(root)],
        ["cifar10 in", "holds no folder train, only loop"],
    ),
    "a pipe": (
        lambda root: [(root / PICTURE).unlink(), os.mkfifo(root / PICTURE)],
        [PICTURE, "is neither a file nor a folder"],
    ),
    "a line break": (lambda root: (root / CAT / "a\n\x1b[2J\u202e.gif").touch(), [r"/a\n\x1b[2J\u202e.gif in"]),
    "no UTF-8": (lambda root: os.mkdir(os.fsencode(root / "cifar10/train") + b"/\xff"), [r"holds class \udcff,"]),
}


def self_link(root: Path) -> None:
    (root / "cifar10" / "loop").symlink_to(".")


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_is_named_in_one_sentence(tree: Path, odd: str):
    change, named = ODD[odd]
    change(tree)
    sentence = rejected(tree)
    assert [each for each in named if each not in sentence] == [], sentence
    assert sentence.isprintable()


def test_of_classes_too_many_in_both_parts_the_smallest_is_named(tree: Path):
    for part in ("train", "test"):
        shutil.copytree(tree / "cifar10" / part / "class0", tree / "cifar10" / part / "notes")
        Image.new("RGB", (32, 32)).save(tree / "cifar10" / part / "class0" / "more.jpg")
    (tree / "cifar10/train/notes/0.jpg").unlink()
    assert "holds 11 class folders (the smallest is notes with 2 pictures)" in rejected(tree)


def jpeg(picture: Image.Image, **more: object) -> Callable[[Path], None]:
    return lambda root: picture.save(root / PICTURE, "JPEG", **more)


def png(picture: Image.Image, **more: object) -> Callable[[Path], None]:
    def put(root: Path) -> None:
        as_png(root)
        picture.save(root / PICTURE.replace("jpg", "png"), "PNG", **more)

    return put


def cut_to(keep: int) -> Callable[[Path], object]:
    return lambda root: (root / PICTURE).write_bytes((root / PICTURE).read_bytes()[:keep])


def huge(root: Path) -> None:
    """A PNG of 100 kB and 30000x30000 pixels."""
    as_png(root)
    Image.new("1", (30000, 30000)).save(root / PICTURE.replace("jpg", "png"))


BLACK = Image.new("RGB", (32, 32))
DEEP = Image.fromarray(np.arange(1024, dtype=np.uint16).reshape(32, 32) * 64)
UNFIT = {
    "another size": (jpeg(Image.new("RGB", (28, 30))), "is 28x30, but pictures of this data set are 32x32"),
    "empty": (cut_to(0), "is damaged"),
    "cut short": (cut_to(20), "is damaged"),
    "cut at the end": (cut_to(-10), "is damaged"),
    "text": (lambda root: (root / PICTURE).write_text("not a picture"), "is damaged, or no JPEG picture"),
    "PNG by content": (lambda root: BLACK.save(root / PICTURE, "PNG"), "is a PNG picture by its content"),
    "GIF by content": (lambda root: BLACK.save(root / PICTURE, "GIF"), "is damaged, or no JPEG picture"),
    "CMYK": (jpeg(BLACK.convert("CMYK")), "has pixels of another kind (CMYK): convert it to 8-bit RGB"),
    "16-bit grey": (png(DEEP), "16"),
    "transparent": (png(Image.new("RGBA", (32, 32), (1, 2, 3, 254))), "is transparent in places"),
    "transparent palette": (png(BLACK.convert("P"), transparency=0), "is transparent in places"),
    "transparent colour": (png(BLACK, transparency=(0, 0, 0)), "is transparent in places"),
    "animated": (png(BLACK, save_all=True, append_images=[DEEP.convert("RGB")]), "holds 2 pictures"),
    "a bomb": (huge, "is far too large"),
    "large": (jpeg(Image.new("L", (12000, 9000))), "is 12000x9000, but"),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_picture_that_is_not_read_exactly_is_named(tree: Path, unfit: str):
    put, reason = UNFIT[unfit]
    put(tree)
    sentence = rejected(tree)
    assert sentence.startswith(PICTURE.removesuffix("jpg"))
    assert reason in sentence
    assert not (tree / ".decoded-cifar10.npz").exists()


def test_16_bits_of_colour_are_not_halved_without_a_word(tree: Path):
    """Pillow cannot write such a file, so its bytes are given."""
    as_png(tree)
    (tree / PICTURE.replace("jpg", "png")).write_bytes(png_of_16_bits())
    assert "has 16 bits per value" in rejected(tree)


def png_of_16_bits() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 32, 32, 16, 2, 0, 0, 0)
    rows = (b"\0" + bytes(32 * 6)) * 32
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("place", [PICTURE, CAT, "cifar10/train", "cifar10"])
def test_what_may_not_be_read_is_named(tree: Path, place: str, monkeypatch: pytest.MonkeyPatch):
    """Denied by hand, since nothing is denied to who runs tests as root."""
    for name in ("os.scandir", "os.listdir", "builtins.open"):
        deny(monkeypatch, name, tree / place)
    sentence = rejected(tree)
    assert place in sentence
    assert "(Permission denied)" in sentence


def deny(monkeypatch: pytest.MonkeyPatch, name: str, place: Path) -> None:
    module, function = name.split(".")
    real = getattr(__import__(module), function)

    def denied(path: object, *more: object, **options: object) -> object:
        if isinstance(path, str | os.PathLike) and Path(path) == place:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *more, **options)

    monkeypatch.setattr(name, denied)


@pytest.mark.parametrize("what", ["link", "file", "link to a file", "part of a link"])
@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
def test_a_data_folder_that_is_none_is_named_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, name: str
):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("asked the network"))
    root = tmp_path / "data"
    (tmp_path / "file").touch()
    if what == "file":
        root.touch()
    else:
        root.symlink_to(tmp_path / ("file" if what == "link to a file" else "gone"))
    dataset = load_dataset(name)
    monkeypatch.setitem(type(dataset).load.__globals__, "DEBIAN", tmp_path / "gone")
    with pytest.raises(DataMissing, match=r"data folder .*data.* (leads nowhere|must be a folder).*BEYOND_DATA\.$"):
        dataset.load(root / "below" if what == "part of a link" else root)


@pytest.mark.parametrize("what", ["link", "file"])
@pytest.mark.parametrize("name", ["cifar10", "cifar-10-batches-py"])
def test_something_else_in_a_folders_place_is_named_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, name: str
):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("asked the network"))
    (tmp_path / name).touch() if what == "file" else (tmp_path / name).symlink_to("gone")
    assert f"{name} is a" in rejected(tmp_path)
