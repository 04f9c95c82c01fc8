"""Near duplicates among the images of a set, as the user lists them."""

from __future__ import annotations

from pathlib import Path

from pytest_replication.benchmark.chosen import Chosen
from pytest_replication.benchmark.synthetic.items import open_items
from pytest_replication.benchmark.synthetic.masks import open_masks
from pytest_replication.benchmark.synthetic.plan import OTHERS
from pytest_replication.errors import SettingsError


def read_twins(file: str) -> list[tuple[str, str]]:
    """Read pairs of near duplicates: two ids a line, a tab between them.

    Args:
        file: text in UTF-8; empty lines and those that begin with ``#`` are skipped.

    Raises:
        SettingsError: it cannot be read, or a line holds something else.
    """
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise SettingsError(f"the twins {file} cannot be read ({error}): give a text file") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            one, _, other = line.partition("\t")
            if not (one and other) or "\t" in other:
                raise SettingsError(
                    f"line {number} of {file} is {line!r}: expected the ids of two images, a tab between them"
                )
            pairs.append((one, other))
    return pairs


def twins_among(chosen: Chosen, masks: bool) -> list[tuple[str, str]]:
    """Those pairs of which both are among the images of a set."""
    if chosen.twins is None:
        return []
    images = open_masks(chosen.objects) if masks else open_items(chosen.images)
    ids = {item.id for item in images.images}
    if chosen.others is not None:
        ids |= {f"{OTHERS}{item.id}" for item in open_items(chosen.others).images}
    return [pair for pair in read_twins(chosen.twins) if set(pair) <= ids]
