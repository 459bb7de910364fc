"""Pictures that people bring: what cannot be read is found before anything is trained, all of it at once."""

import io

import numpy as np
import pytest
from own_pictures import SMALL, pictures
from PIL import Image

from benchmark import fit
from benchmark.engine.measuring import examiner
from benchmark.engine.pictures.picture_file import check_picture, read_picture
from benchmark.errors import DataMissing
from benchmark.using.folder import check_pictures, read_folder

__all__ = ["pictures"]
NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 4), dtype=np.uint8)


def stored(mode, kind, keep=None, after=b"", **how):
    """The bytes of a picture of noise, or the first of them."""
    made = NOISE[..., 0].astype(np.uint16) * 200 if mode == "I;16" else NOISE[..., : 4 if mode == "RGBA" else 3]
    image = Image.fromarray(made)
    file = io.BytesIO()
    (image if mode == "I;16" else image.convert(mode)).save(file, format=kind, **how)
    return file.getvalue()[:keep] + after


READ = {
    "JPEG": stored("RGB", "JPEG"),
    "PNG": stored("RGB", "PNG"),
    "grey": stored("L", "PNG"),
    "palette": stored("P", "PNG"),
    "black and white": stored("1", "PNG"),
    "CMYK": stored("CMYK", "JPEG"),
    "bytes behind the end": stored("RGB", "JPEG", after=bytes(500)),
}
REFUSED = {
    "nothing": b"",
    "text": b"no picture",
    "half a JPEG": stored("RGB", "JPEG", 1000),
    "half a PNG": stored("RGB", "PNG", 3000),
    "a JPEG's last bytes": stored("RGB", "JPEG", -40),
    "transparent": stored("RGBA", "PNG"),
    "16 bits": stored("I;16", "PNG"),
    "GIF": stored("P", "GIF"),
    "two frames": stored("RGB", "PNG", save_all=True, append_images=[Image.fromarray(NOISE[..., 1:])]),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_what_is_looked_at_can_be_read(content, tmp_path):
    (tmp_path / "x.png").write_bytes(content)
    check_picture(tmp_path, "x.png")
    check_picture(tmp_path, "x.png", content)
    read_picture(tmp_path, "x.png", None, None, 3)


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_a_look_refuses_what_reading_refuses_in_the_same_words(content, tmp_path):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(DataMissing) as refused:
        read_picture(tmp_path, "x.png", None, None, 3)
    for given in (None, content):
        with pytest.raises(DataMissing) as found:
            check_picture(tmp_path, "x.png", given)
        assert str(found.value) == str(refused.value)


def test_all_pictures_that_cannot_be_read_are_told_of_before_anything_is_trained(pictures, monkeypatch):
    for name in ("a/3", "b/4", "c/5"):
        (pictures / f"{name}.png").write_bytes(REFUSED["half a PNG"])
    monkeypatch.setattr(examiner, "train_step", lambda *step: pytest.fail("trained"))
    sentence = r"a/3\.png in .* is damaged: put .* in its place\. .* 2 more of the 30 pictures, as b/4\.png\.$"
    with pytest.raises(DataMissing, match=sentence):
        fit("cifar_resnet8", pictures, "dgl", 2, **SMALL)


def test_of_very_many_pictures_none_is_opened_before_the_training(pictures, monkeypatch):
    (pictures / "a/3.png").write_bytes(REFUSED["half a PNG"])
    folder = read_folder(pictures)
    monkeypatch.setattr("benchmark.using.folder.MANY", 29)
    check_pictures(folder)
    monkeypatch.setattr("benchmark.using.folder.MANY", 30)
    with pytest.raises(DataMissing, match="a/3"):
        check_pictures(folder)


def test_classes_of_which_the_folder_itself_holds_no_picture_out_are_named(pictures):
    for part in ("train", "val"):
        for name in "abc":
            (pictures.parent / "parts" / part / name).mkdir(parents=True)
            if (part, name) != ("val", "b"):
                (pictures.parent / "parts" / part / name / "0.png").write_bytes(READ["PNG"])
    assert read_folder(pictures.parent / "parts").split == "val/ is held out, as the folder says; none of 'b'"
