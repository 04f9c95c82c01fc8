"""Plays a model that copies: saves edited copies of the training photographs as its samples.

    python copies.py copies && pytest --replication-samples=copies

fails, as it should.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from pytest_replication.images.edits import EDITS

PHOTOS = Path(__file__).resolve().parents[2] / "fixtures" / "photos" / "training"
SHOWN = ("crop-70", "mirror", "jpeg-20", "recolour")


def make_copies(folder: Path) -> None:
    """Save one edited copy of each photograph."""
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted(PHOTOS.glob("*.jpg"))):
        name = SHOWN[number % len(SHOWN)]
        with Image.open(path) as image:
            EDITS[name](image.convert("RGB")).save(folder / f"sample-{number:02d}-{name}.png")


if __name__ == "__main__":
    make_copies(Path(sys.argv[1]))
