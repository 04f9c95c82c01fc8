"""Pictures of the worst: samples with the highest scores, each with its nearest training images beside it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from pytest_replication.errors import SettingsError
from pytest_replication.images.square import square
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.search.evidence import training_picture
from pytest_replication.search.matches import Match
from pytest_replication.verdicts import Verdict

SIDE = 96
"""Pixels of one picture."""
_SUFFIXES = (".png", ".jpg")
_TEXT = 14
_GAP = 6


def draw_pictures(
    verdict: Verdict,
    samples: Samples,
    index: Index,
    path: Path,
    *,
    pairs: int = 20,
    across: int = 5,
    nearest: int = 1,
) -> int:
    """Draw the samples with the highest scores, each of them once, with their nearest training images.

    Args:
        verdict: of the samples.
        samples: the same that were judged.
        index: the same that they were compared with.
        path: of the PNG file.
        pairs: samples at most.
        across: samples in a row.
        nearest: training images of each.

    Returns:
        Number of samples that were drawn; 0, and no file, where no training image is at hand.

    Raises:
        SettingsError: the file cannot be written.
        SampleError: a sample cannot be read any more.
    """
    shown = []
    for kept in _worst(verdict)[:pairs]:
        theirs = [
            picture for match in kept[:nearest] if (picture := training_picture(index, match)) is not None
        ]
        if theirs:
            cells = [samples.image(kept[0].sample), *(Image.fromarray(one.pixels) for one in theirs)]
            shown.append((kept[0].score, cells))
    if not shown:
        return 0
    across, high = min(across, len(shown)), -(-len(shown) // across)
    wide = (1 + nearest) * SIDE + _GAP
    sheet = Image.new("RGB", (across * wide - _GAP, high * (SIDE + _TEXT)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (score, cells) in enumerate(shown):
        left, top = place % across * wide, place // across * (SIDE + _TEXT)
        for number, cell in enumerate(cells):
            sheet.paste(Image.fromarray(square(cell, SIDE)), (left + number * SIDE, top))
        draw.text((left + 2, top + SIDE + 1), f"{score:.3f}", fill="black")
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be written ({error}): name another file, as .png") from error
    return len(shown)


def check_pictures(path: Path) -> None:
    """Find out whether pictures can be written, before hours of measuring.

    Raises:
        SettingsError: the name has no ending of a picture, or no folder.
    """
    if path.suffix.lower() not in _SUFFIXES or not path.absolute().parent.is_dir():
        raise SettingsError(
            f"pictures cannot be written to {path}: give a file in a folder that is there, ending in "
            f"{' or '.join(_SUFFIXES)}"
        )


def _worst(verdict: Verdict) -> list[tuple[Match, ...]]:
    """Matches of each sample, highest first; samples that are one image stand there once."""
    kept, seen = [], set()
    digests = verdict.matches.subject.sample_sha256
    for found in sorted(verdict.matches.of, key=lambda found: (-found[0].score, found[0].sample)):
        number = found[0].sample
        digest = digests[number] if digests else str(number)
        if digest not in seen:
            seen.add(digest)
            kept.append(found)
    return kept
