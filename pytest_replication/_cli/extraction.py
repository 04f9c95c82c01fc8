"""``check --pixels``: the verdict about pixels, outside pytest."""

from __future__ import annotations

import argparse

from pytest_replication._cli.options import loaded_model, print_json
from pytest_replication._cli.prompts import draw_asked
from pytest_replication.choices import EXACT
from pytest_replication.errors import SettingsError
from pytest_replication.extraction import measure_extraction
from pytest_replication.extraction_verdicts import RULES
from pytest_replication.index.fingerprint import require_fingerprint
from pytest_replication.index.opening import open_index
from pytest_replication.reports.extraction import extraction_data, render_extraction
from pytest_replication.scoring.pixel import NEIGHBOURS
from pytest_replication.surroundings import surrounded_by
from pytest_replication.verdicts import Outcome

_OTHERS = {
    "matches": None,
    "save": None,
    "threshold": None,
    "max_rate": None,
    "engine": EXACT,
    "embedder": None,
    "objects": False,
    "object_points": None,
}
"""What belongs to a check of scores, and what it is where it is not given."""


def add_pixels(parser: argparse.ArgumentParser) -> None:
    """Declare how pixels are judged."""
    parser.add_argument(
        "--pixels",
        choices=RULES,
        metavar="RULE",
        help="Judge by the pixels that the index stores (build --pixels), not by the embedder: "
        f"{', '.join(RULES)} (docs/pixels.md)",
    )
    parser.add_argument(
        "--pixel-limit",
        type=float,
        metavar="DISTANCE",
        help="Extracted up to this distance (default: that of the rule)",
    )


def extracted(args: argparse.Namespace) -> Outcome:
    """Answer the verb where pixels are to be judged, and give the outcome.

    Raises:
        ReplicationError: as `check_extraction`.
    """
    if args.pixels is None:
        raise SettingsError("--pixel-limit belongs to a rule for pixels: give --pixels as well")
    if args.index is None or args.model is None:
        raise SettingsError("check --pixels needs an index and samples: give INDEX and SAMPLES")
    given = [name for name, default in _OTHERS.items() if getattr(args, name) != default]
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise SettingsError(
            f"{names} is about scores of an embedder, which --pixels does without: leave it out"
        )
    index = open_index(args.index)
    if args.index_fingerprint is not None:
        require_fingerprint(index, args.index_fingerprint, "command line")
    samples = draw_asked(args, loaded_model(args), index)
    with surrounded_by(None):
        verdict = measure_extraction(
            samples,
            args.pixels,
            args.pixel_limit,
            index=index,
            neighbours=NEIGHBOURS,
            confidence=0.95,
            name="",
            asserted=False,
            source="command line",
        )
    if args.json:
        print_json(extraction_data(verdict))
    else:
        print(f"{verdict.outcome.value.upper()}: {render_extraction(verdict)}")
    return verdict.outcome
