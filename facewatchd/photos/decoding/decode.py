"""
A photo's bytes -> upright BGR pixels, or a `PhotoError` with one sentence for the user. Second step of taking a photo in.

Plain JPEGs go through OpenCV (half of what Pillow costs, the same pixels to the bit), written straight to where they are
wanted (36 ms for 12 megapixels instead of 57), everything else through Pillow or pillow-heif, camera RAW through
`photos.decoding.raw`. Sizes are read from the header and held against the cap before any pixel is decoded (R23). Colour profiles
are ignored: a portrait in another colour space that is taken for sRGB embeds as before (mean cosine of 120 portraits:
Display P3 0.999, Adobe RGB 0.997, ProPhoto RGB 0.988), converting costs as much again as decoding, and a profile is one
more thing that a stranger can damage.

A JPEG whose coded data are damaged in the middle but whose end is there is decoded as far as it goes, as every viewer
does; libjpeg then says so on stderr, which only the processes that do nothing but decode can redirect.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import cv2
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL import Image as PillowImage

from facewatchd.domain import Image
from facewatchd.errors import PhotoError
from facewatchd.photos.decoding.picture import Decoded
from facewatchd.photos.decoding.raw import decode_raw
from facewatchd.photos.decoding.reasons import TITLE, failure, no_photo
from facewatchd.photos.formats import (
    JPEG_APP0,
    JPEG_APP14,
    JPEG_APP15,
    JPEG_COM,
    JPEG_SOF,
    JPEG_SOS,
    Part,
    PhotoKind,
    jpeg_segments,
    kind_of,
    webp_size,
)
from facewatchd.photos.metadata.orientation import orientation_of

# The cap is ours, checked on every header before decoding; Pillow's own is lower and cannot be given per call.
PillowImage.MAX_IMAGE_PIXELS = None
# Process-wide, because `warnings.catch_warnings` is not safe in threads. A later filter goes before an earlier one.
warnings.filterwarnings("error", module=r"PIL\.")
# About tags and about animation; what the picture itself needs fails by itself when it is missing.
_HARMLESS = r"Metadata Warning|Tag |Possibly corrupt EXIF|Corrupt EXIF|Truncated File Read|Invalid APNG"
warnings.filterwarnings("ignore", message=_HARMLESS, module=r"PIL\.")

# Pillow's classes, named one by one: the allow-list of formats, and the content decides (R23)
_PLUGINS: Mapping[PhotoKind, Callable[[io.BytesIO], ImageFile.ImageFile]] = MappingProxyType(
    {
        PhotoKind.JPEG: JpegImagePlugin.JpegImageFile,
        PhotoKind.PNG: PngImagePlugin.PngImageFile,
        PhotoKind.WEBP: WebPImagePlugin.WebPImageFile,
        PhotoKind.TIFF: TiffImagePlugin.TiffImageFile,
        PhotoKind.GIF: GifImagePlugin.GifImageFile,
        PhotoKind.BMP: BmpImagePlugin.BmpImageFile,
        PhotoKind.AVIF: AvifImagePlugin.AvifImageFile,
    }
)
_REDUCED = MappingProxyType(
    {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }
)
"""By how much libjpeg can reduce a picture while it decodes it, and how OpenCV is asked to."""

_DEEP_GREYS = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})


class Canvas(Protocol):
    """Where a decoder may put things, so that nothing large has to be copied."""

    def picture(self, height: int, width: int) -> Image:
        """Room for the upright picture, its pixels undefined."""

    def draft(self, height: int, width: int) -> Image:
        """Room for the picture before it is turned, its pixels undefined."""

    def file(self, data: bytes) -> str:
        """A name under which the data can be read, until the next call."""


class _Own:
    """Fresh memory for each; the file is gone when this is."""

    def __init__(self) -> None:
        self._file = os.memfd_create("photo", os.MFD_CLOEXEC)

    def __del__(self) -> None:
        os.close(self._file)

    def picture(self, height: int, width: int) -> Image:
        return np.empty((height, width, 3), np.uint8)

    draft = picture

    def file(self, data: bytes) -> str:
        os.pwrite(self._file, data, 0)
        return f"/proc/self/fd/{self._file}"


def decode(
    data: bytes, path: bytes, max_megapixels: float, enough: int | None = None, canvas: Canvas | None = None
) -> Decoded:
    """
    Decode a photo of any supported format; of several frames or pages, the first.

    Args:
        data: The whole file.
        path: For the error only.
        max_megapixels: More than this many million pixels are refused, from the header.
        enough: How many pixels of the longer side suffice: a JPEG that has at least twice, four or eight times as many
            is reduced by that while it is decoded. None for all.
        canvas: Where to put the picture of a JPEG; other formats bring their own memory.

    Returns:
        The upright picture: 16 bits scaled to 8, transparency over white, grey as BGR.

    Raises:
        PhotoRoomError: There is not enough memory for it.
        PhotoError: It is no photo, damaged, cut off, or too large. Nothing else is raised.
    """
    kind = kind_of(data)
    if kind is None:
        raise no_photo(data, path)
    check = _SizeCheck(path, max_megapixels)
    try:
        if kind is PhotoKind.JPEG:
            return _decode_jpeg(data, check, enough, canvas)
        if kind is PhotoKind.HEIC:
            return _decode_heic(data, check)
        if kind is PhotoKind.RAW:
            return _decode_raw(data, check)
        if kind is PhotoKind.JPEG_XL:
            return _decode_jpeg_xl(data, path, check)
        return _decode_pillow(data, kind, check)
    except PhotoError:
        raise
    except Exception as error:  # a decoder fails in its own ways, and a stranger's file must cost no more than itself
        raise failure(kind, data, path, error, check.pixels) from error


class _SizeCheck:
    """
    Holds the size that a header claims against the cap.

    Args:
        path: For the error only.
        max_megapixels: Larger pictures are refused.

    Attributes:
        pixels: How many were claimed; 0 while no header was understood.
    """

    def __init__(self, path: bytes, max_megapixels: float) -> None:
        self._path = path
        self._max_megapixels = max_megapixels
        self.pixels = 0

    def __call__(self, width: int, height: int) -> None:
        """
        Raises:
            PhotoError: It is too large, or none.
        """
        if width <= 0 or height <= 0:
            raise PhotoError(TITLE, "Its header gives no size: copy it again from its source.", self._path)
        if width * height > self._max_megapixels * 1e6:
            raise PhotoError(
                "The photo is too large",
                f"It has {width} x {height} pixels, more than ingest.max_megapixels ({self._max_megapixels:g}) allows:"
                " raise that, or make the photo smaller.",
                self._path,
            )
        self.pixels = max(self.pixels, width * height)


def _decode_jpeg(data: bytes, check: _SizeCheck, enough: int | None = None, canvas: Canvas | None = None) -> Decoded:
    # Older OpenCV returns half a picture for half a file; walking to the end of the image is how to know.
    parts = list(jpeg_segments(data))
    names = [part.name[0] for part in parts]
    frame = next((part for part in parts if part.name[0] in JPEG_SOF), None)
    if frame is None or JPEG_SOS not in names:
        raise ValueError("it holds no picture")
    height, width = (int.from_bytes(data[frame.body + at : frame.body + at + 2], "big") for at in (1, 3))
    check(width, height)
    components = data[frame.body + 5]
    orientation = orientation_of(data, PhotoKind.JPEG)
    turned, canvas = orientation >= 5, canvas or _Own()
    if components in {1, 3}:
        reduction = _reduction(max(height, width), enough)
        shape = -(-height // reduction), -(-width // reduction)
        room = canvas.picture(*shape) if orientation == 1 else canvas.draft(*shape)
        flags = _REDUCED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imread(canvas.file(data), room, flags)
        if image is not None:
            if image.shape != room.shape:
                raise ValueError("its header gives another size")
            if orientation != 1:
                image = upright(room, orientation, canvas.picture(*(shape[::-1] if turned else shape)))
            return Decoded(
                image, PhotoKind.JPEG, orientation, reduction, (height, width) if turned else (width, height)
            )
    # CMYK, or broken: then Pillow says why
    image = _pixels(JpegImagePlugin.JpegImageFile(io.BytesIO(_without_metadata(data, parts))))
    if image.shape[:2] != (height, width):
        raise ValueError("its header gives another size")
    return Decoded(upright(image, orientation), PhotoKind.JPEG, orientation)


def _reduction(longer_side: int, enough: int | None) -> int:
    """The most that a picture may be reduced by so that `enough` pixels of its longer side are left."""
    return 1 if enough is None else max(each for each in _REDUCED if each == 1 or longer_side >= each * enough)


def _without_metadata(data: bytes, parts: list[Part]) -> bytes:
    """Pillow's JPEG reader reads Exif for the resolution and would fail over a damaged block that nobody asked for."""
    kept = {JPEG_APP0, JPEG_APP14}
    return b"".join(
        data[part.start : part.end]
        for part in parts
        if part.name[0] in kept or not (JPEG_APP0 <= part.name[0] <= JPEG_APP15 or part.name[0] == JPEG_COM)
    )


def _decode_heic(data: bytes, check: _SizeCheck) -> Decoded:
    """HEIC carries its orientation in the container, where the library applies it; the Exif tag is a copy (ISO 23008-12)."""
    heif = pillow_heif.open_heif(data, convert_hdr_to_8bit=True, bgr_mode=True)
    width, height = heif.size
    check(width, height)
    if heif.mode == "BGR":
        return Decoded(np.ascontiguousarray(np.asarray(heif), dtype=np.uint8), PhotoKind.HEIC)
    heif = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    return Decoded(_pixels(heif.to_pillow()), PhotoKind.HEIC)


def _decode_raw(data: bytes, check: _SizeCheck) -> Decoded:
    image, orientation = decode_raw(
        data,
        check,
        lambda preview: _decode_jpeg(preview, check).image,
    )
    return Decoded(upright(image, orientation), PhotoKind.RAW, orientation)


def _decode_jpeg_xl(data: bytes, path: bytes, check: _SizeCheck) -> Decoded:
    """By whichever plugin of Pillow's says that it reads this. Its decoder turns the picture by itself."""
    PillowImage.init()
    formats = [name for name, mime in PillowImage.MIME.items() if mime == "image/jxl" and name in PillowImage.OPEN]
    if not formats:
        raise PhotoError(
            "The photo cannot be decoded",
            "It is a JPEG XL, which the Pillow installed here does not read: convert it to JPEG.",
            path,
        )
    with PillowImage.open(io.BytesIO(data), formats=formats) as opened:
        check(*opened.size)
        return Decoded(_pixels(opened), PhotoKind.JPEG_XL)


def _decode_pillow(data: bytes, kind: PhotoKind, check: _SizeCheck) -> Decoded:
    if kind is PhotoKind.WEBP and (size := webp_size(data)) is not None:
        check(*size)
    with opened_by_pillow(data, kind) as opened:
        check(*opened.size)
        # Pillow turns TIFFs itself
        orientation = 1 if kind is PhotoKind.TIFF else orientation_of(data, kind)
        image = _pixels(opened)
    return Decoded(upright(image, orientation), kind, orientation)


def opened_by_pillow(data: bytes, kind: PhotoKind) -> ImageFile.ImageFile:
    """
    A photo as Pillow's own class for its format opens it, not decoded yet.

    Raises:
        KeyError: Pillow does not read this format.
        Exception: The photo is damaged.
    """
    return _PLUGINS[kind](io.BytesIO(data))


def upright(image: Image, orientation: int, room: Image | None = None) -> Image:
    """
    The picture turned and mirrored as the Exif orientation (1..8) wants it; `image` itself for 1.

    Args:
        image: Not changed.
        orientation: 1..8.
        room: Where to put it; of the size that it has then.
    """
    match orientation:
        case 2:
            turned = cv2.flip(image, 1, room)
        case 3:
            turned = cv2.rotate(image, cv2.ROTATE_180, room)
        case 4:
            turned = cv2.flip(image, 0, room)
        case 5:
            turned = cv2.transpose(image, room)
        case 6:
            turned = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE, room)
        case 7:
            turned = cv2.flip(cv2.transpose(image), -1, room)
        case 8:
            turned = cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE, room)
        case _:
            return image
    return np.ascontiguousarray(turned, dtype=np.uint8)


def _pixels(opened: PillowImage.Image) -> Image:
    """BGR pixels of whatever mode Pillow has found."""
    opened.load()
    if opened.mode in _DEEP_GREYS:
        return _grey_to_bgr(_scaled(np.asarray(opened)))
    if opened.mode in _ALPHA_MODES or "transparency" in opened.info:
        colour = opened.convert("RGBA")
        white = PillowImage.new("RGBA", colour.size, "white")
        opened = PillowImage.alpha_composite(white, colour)
    if opened.mode in {"1", "L"}:
        return _grey_to_bgr(np.asarray(opened.convert("L")))
    colours = np.asarray(opened if opened.mode == "RGB" else opened.convert("RGB"))
    return np.ascontiguousarray(cv2.cvtColor(colours, cv2.COLOR_RGB2BGR), dtype=np.uint8)


def _grey_to_bgr(grey: NDArray[np.uint8]) -> Image:
    return np.ascontiguousarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def _scaled(deep: NDArray[np.generic]) -> NDArray[np.uint8]:
    """
    Grey of more than 8 bits scaled to 0..255; Pillow's own conversion clips instead (R24).

    16 bits have a known white. 32-bit whole numbers and floats say nothing of theirs: the smallest usual white that is
    not exceeded is taken (1, 255, 65535), else the brightest pixel.
    """
    values = np.nan_to_num(deep.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    brightest = float(values.max(initial=0.0))
    whites = (65535.0,) if deep.dtype.itemsize == 2 else (1.0, 255.0, 65535.0)
    white = next((usual for usual in whites if brightest <= usual), brightest)
    scaled: NDArray[np.uint8] = np.rint(np.clip(values / white, 0, 1) * 255).astype(np.uint8)
    return scaled
