"""
How long `dates report` takes on a large archive: `python benchmarks/bench_dates.py [--photos N] [--kilobytes N]`.

Makes an archive of real JPEGs in a temporary folder: three fifths dated right, the rest without a date or with a nonsense
one, mostly with a time in their names, and a tenth with a sidecar or Takeout's JSON beside them. Then it times the report,
which looks at every file anew, and prints one line of JSON. The promise is 30 s for 10,000 photos on two cores.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import piexif
from PIL import Image

from facewatchd.core.dates.plan import Mode
from facewatchd.core.dates.rules import DateRules
from facewatchd.domain import FileStat, SeenFile, TakenPhoto
from facewatchd.operations.dates import report
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.store import Store

STAMPS = ("2019:08:17 12:34:56",) * 6 + (None, "", "0000:00:00 00:00:00", "1970:01:01 00:00:00")


def picture(kilobytes: int) -> Image.Image:
    """Noise that takes about this much as a JPEG."""
    side = int((kilobytes * 1100) ** 0.5)
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8))


def encoded(image: Image.Image, stamp: str | None) -> bytes:
    """The picture with this date; None: without Exif, empty: with Exif, but without a date."""
    out = io.BytesIO()
    tags = {"0th": {piexif.ImageIFD.Make: b"Seagull", piexif.ImageIFD.Model: b"DF-300"}}
    if stamp:
        tags["Exif"] = {piexif.ExifIFD.DateTimeOriginal: stamp.encode()}
    image.save(out, "JPEG", quality=60, **({} if stamp is None else {"exif": piexif.dump(tags)}))
    return out.getvalue()


def fill(top: Path, photos: int, kilobytes: int) -> None:
    """Files and state."""
    rng = random.Random(0)
    image = picture(kilobytes)
    contents = {stamp: encoded(image, stamp) for stamp in set(STAMPS)}
    with Store(top / "state") as store, store.transaction():
        root = store.roots.ensure(os.path.realpath(os.fsencode(top / "photos")))
        for number in range(photos):
            folder = f"{2000 + number % 20}/{number // 200:03d}"
            name = rng.choice((f"IMG_20190817_{number % 240000:06d}.jpg", f"DSC{number:05d}.JPG"))
            path = top / "photos" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents[rng.choice(STAMPS)])
            if number % 10 == 0:
                title = {"title": name, "photoTakenTime": {"timestamp": "1566045296"}}
                path.with_name(f"{name}.supplemental-metadata.json").write_text(json.dumps(title))
            seen = SeenFile(root.root_id, os.fsencode(f"{folder}/{name}"), FileStat.of(os.lstat(path)))
            store.photos.take(TakenPhoto(seen, b"%d" % number, 48, 32, None, ()), "model")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--kilobytes", type=int, default=100, help="of a photo")
    arguments = parser.parse_args()
    settings = DateSettings(Mode.INPLACE, DateRules(), None, write_date_only=False)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        fill(top, arguments.photos, arguments.kilobytes)
        with Store(top / "state", read_only=True) as store:
            wall, cpu = time.monotonic(), time.process_time()
            document = report(store, settings, time.time()).document()
            wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    figures = {key: document[key] for key in ("photos", "right", "wrong", "missing", "unreadable", "actions")}
    print(json.dumps({"seconds": round(wall, 1), "cpu_seconds": round(cpu, 1), **figures}))


if __name__ == "__main__":
    main()
