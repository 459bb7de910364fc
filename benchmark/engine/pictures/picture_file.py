"""One JPEG or PNG file to pixels, exactly or not at all.

Pillow turns nearly everything into 8-bit RGB: it clips 16 bits, drops transparency, guesses CMYK's colours and shows
the first of several pictures. Data sets for comparison shall not be guessed, so these are refused by name. Pictures of
any size are read by their content, whatever their names say, and CMYK as Pillow guesses it: ImageNet has 22 such JPEG
files and a PNG file that is called JPEG, and everybody reads them so.
"""

from __future__ import annotations

from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
from PIL import Image, ImageOps

from benchmark.engine.pictures.places import spelt
from benchmark.errors import DataMissing

FORMATS = {"jpeg": ("JPEG", "MPO"), "png": ("PNG",)}  # MPO: what a JPEG with a second picture in it is to Pillow
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
ORIENTATION = 0x0112  # EXIF's number for it
AGAIN = "unpack the data set there again"
INTACT = "put an intact copy in its place"  # of pictures that nobody may have packed
CONVERT = "convert it to 8-bit RGB"
ENDS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND"}  # what the last bytes of a whole file hold
LAST = 64  # bytes


def read_picture(
    root: Path, file: str, kind: str | None, size: int | None, channels: int, content: bytes | None = None
) -> np.ndarray:
    """(size, size) or (size, size, 3) uint8, the way up that its EXIF data say.

    Without a ``size``, of any; without a ``kind``, a JPEG or a PNG picture. Its bytes are those of the file root/file,
    or ``content``, which an archive holds under that name.

    Raises `DataMissing` that names the file.
    """
    again = AGAIN if size else INTACT
    try:
        with (
            _opened(root, file, content) as source,
            Image.open(source, formats=["JPEG", "PNG"]) as image,
        ):
            if reason := _unfit(image, kind, size) or _deep(source, image):
                _refuse(root, file, reason)
            image.load()
            pixels, opaque = _upright(image), _opaque(image)
    except (DataMissing, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        _refuse(root, file, f"is damaged, or no {kind.upper() if kind else 'JPEG or PNG'} picture: {again}")
    except Image.DecompressionBombError:
        expected = f", but pictures of this data set are {size}x{size}: {AGAIN}" if size else ": make it smaller"
        _refuse(root, file, f"is far too large{expected}")
    except OSError as error:
        reason = f"cannot be read ({error.strerror}): see to it that it can" if error.strerror else ""
        _refuse(root, file, reason or f"is damaged: {again}", error)
    except Exception as error:  # Pillow's readers raise nearly everything on damaged bytes
        _refuse(root, file, f"is damaged: {again}", error)
    if not opaque:
        _refuse(root, file, f"is transparent in places, so its colours hang on what is behind it: {CONVERT}")
    return np.asarray(pixels.convert("RGB" if channels == 3 else "L"))


def check_picture(root: Path, file: str, content: bytes | None = None) -> None:
    """Look at both ends of a picture, in a tenth of the time of reading it, which is done where they leave a doubt.

    Damage between the two stays unseen. Raises `DataMissing` as `read_picture` does for a picture of any size and kind.
    """
    try:
        with _opened(root, file, content) as source:
            sound = _looks_sound(source)
    except Exception:  # whatever it is, reading it says it
        sound = False
    if not sound:
        read_picture(root, file, None, None, 3, content)


def _looks_sound(source: BinaryIO) -> bool:
    with Image.open(source, formats=["JPEG", "PNG"]) as image:
        if _unfit(image, None, None) or _deep(source, image) or image.has_transparency_data:
            return False
        end = ENDS[image.format or ""]
        source.seek(-min(LAST, source.seek(0, SEEK_END)), SEEK_END)
        return end in source.read()


def _opened(root: Path, file: str, content: bytes | None) -> BinaryIO:
    return open(root / file, "rb") if content is None else BytesIO(content)


def _unfit(image: Image.Image, kind: str | None, size: int | None) -> str:
    """Why an opened picture, whose pixels are not read yet, does not fit; empty if it does."""
    if kind and image.format not in FORMATS[kind]:
        return f"is a {image.format} picture by its content, whatever its name says: rename it"
    if size and image.size != (size, size):
        expected = f"but pictures of this data set are {size}x{size}"
        return f"is {image.width}x{image.height}, {expected}: {AGAIN}, without resizing"
    if getattr(image, "n_frames", 1) != 1:
        return f"holds {getattr(image, 'n_frames', 1)} pictures: keep one of them"
    if image.mode not in MODES and not (kind is None and image.mode == "CMYK"):
        return f"has pixels of another kind ({image.mode}): {CONVERT}"
    return ""


def _deep(source: BinaryIO, image: Image.Image) -> str:
    """Why a PNG file has too many bits: Pillow drops half of 16 bits without a word."""
    if image.format != "PNG":
        return ""
    here = source.tell()
    source.seek(24)  # behind the signature and the header's length, name, width and height
    (bits,) = source.read(1)
    source.seek(here)
    return f"has {bits} bits per value, but pictures of this data set have 8: {CONVERT}" if bits > 8 else ""


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(ORIENTATION, 1) != 1
    except Exception:  # damaged EXIF data are no damage of the pixels
        return image
    return ImageOps.exif_transpose(image) if turned else image


def _opaque(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return True
    lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
    return lowest == 255


def _refuse(root: Path, file: str, reason: str, cause: Exception | None = None) -> NoReturn:
    raise DataMissing(spelt(f"{file} in {root} {reason}.")) from cause
