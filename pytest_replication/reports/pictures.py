"""Pictures of the worst: replicated samples, then those with the highest scores, beside training images."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from pytest_replication.errors import SettingsError
from pytest_replication.images.square import square
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.reports.outlines import outlined
from pytest_replication.score_text import score_text
from pytest_replication.search.evidence import training_picture
from pytest_replication.search.match import Match
from pytest_replication.verdicts import Verdict

SIDE = 144
"""Pixels of one picture."""
_MOST = 20
"""Samples that are drawn at most."""
_SUFFIXES = (".png", ".jpg")
_TEXT = 14
_GAP = 6


def draw_pictures(
    verdict: Verdict,
    samples: Samples,
    index: Index,
    path: Path,
    *,
    across: int = 5,
) -> int:
    """Draw the replicated samples, then those with the highest scores, each once, beside a training image.

    A sample that is replicated by a part stands beside the training image of that part, both parts outlined.

    Args:
        verdict: of the samples.
        samples: the same that were judged.
        index: the same that they were compared with.
        path: of the PNG file.
        across: samples in a row.

    Returns:
        Number of samples that were drawn; 0, and no file, where no training image is at hand.

    Raises:
        SettingsError: the file cannot be written.
        SampleError: a sample cannot be read any more.
    """
    shown = []
    for match in _worst(verdict)[:_MOST]:
        if theirs := _training(index, match):
            shown.append((match, (_sample(samples, match), theirs)))
    if not shown:
        return 0
    across, high = min(across, len(shown)), -(-len(shown) // across)
    wide = 2 * SIDE + _GAP
    sheet = Image.new("RGB", (across * wide - _GAP, high * (SIDE + _TEXT)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (match, cells) in enumerate(shown):
        left, top = place % across * wide, place // across * (SIDE + _TEXT)
        for number, cell in enumerate(cells):
            sheet.paste(cell, (left + number * SIDE, top))
        draw.text(
            (left + 2, top + SIDE + 1), _label(match, verdict.policy.threshold_for(match)), fill="black"
        )
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


def _sample(samples: Samples, match: Match) -> Image.Image:
    """The sample of a match as a square, its part outlined."""
    image = Image.fromarray(square(samples.image(match.sample), SIDE))
    return image if match.part is None else outlined(image, match.part.alignment.sample)


def _training(index: Index, match: Match) -> Image.Image | None:
    """The training image of a match as a square, its part outlined; None where none is at hand."""
    picture = training_picture(index, match)
    if picture is None:
        return None
    image = Image.fromarray(square(Image.fromarray(picture.pixels), SIDE))
    return image if match.part is None else outlined(image, match.part.alignment.training)


def _label(match: Match, threshold: float) -> str:
    if match.part is None:
        return score_text(match.score, threshold)
    return f"part, {match.points} points{', mirrored' if match.part.alignment.mirrored else ''}"


def _worst(verdict: Verdict) -> list[Match]:
    """The match of each sample that counts; samples that are one image stand there once.

    Replicated samples are in the order of the verdict, the others behind them in that of their scores.
    """
    kept, seen = [], set()
    digests = verdict.matches.subject.sample_sha256
    others = sorted(verdict.matches.best, key=lambda match: (-match.score, match.sample))
    for first in (*verdict.replicated, *others):
        number = first.sample
        digest = digests[number] if digests else str(number)
        if digest not in seen:
            seen.add(digest)
            kept.append(first)
    return kept
