"""``calibrate``: from real images that the model never saw to a threshold with a known error."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pytest_replication._cli.options import Verbs, add_index, add_max_rejected, print_json
from pytest_replication.calibrate import CalibrateOptions, calibrate_index
from pytest_replication.calibrate.objects import IMAGES
from pytest_replication.errors import SettingsError
from pytest_replication.escape import lines
from pytest_replication.index.calibration import GROUPINGS
from pytest_replication.index.calibration_file import drop_calibration
from pytest_replication.index.opening import open_index
from pytest_replication.reports.calibration import calibration_data, calibration_text
from pytest_replication.reports.calibration_plot import check_plot, draw_calibration
from pytest_replication.search.duplicates import DUPLICATE

_NOT_DONE = 3


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "calibrate",
        help="Measure how high unseen real images score, and store the threshold that follows",
        description="Measure how high real images score that the model never saw, and store the threshold "
        "that keeps false positives at --fpr. Goes on where it was interrupted.",
    )
    add_index(parser)
    _add_holdout(parser)
    _add_threshold(parser)
    _add_planted(parser)
    parser.add_argument(
        "--objects",
        type=int,
        metavar="N",
        help="Look for parts of so many of these images as well, so that from how many points on a part is a "
        "copy keeps to --fpr, too; each takes a second or two of a processor; 0 for none (default: "
        f"{IMAGES} where the index was built with --objects, else 0)",
    )
    parser.add_argument("--seed", type=int, default=0, help="Of what is drawn (default: %(default)s)")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="Draw the null, planted copies and the threshold (takes matplotlib)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="Forget what an interrupted calibration has measured"
    )
    parser.add_argument("--drop", action="store_true", help="Take the calibration out of the index")
    return parser


def _add_holdout(parser: argparse.ArgumentParser) -> None:
    """Which images are measured, and which of them are left out."""
    parser.add_argument(
        "--holdout",
        metavar="SOURCE",
        help="Real images that the model never saw, given as to build (default: training images against the "
        "rest)",
    )
    parser.add_argument(
        "--copies-from",
        type=float,
        metavar="SCORE",
        help="Images from this score on are copies of training images and left out (default: "
        f"{DUPLICATE} where the embedder documents a threshold, else what re-encoded copies score)",
    )
    parser.add_argument(
        "--max-copied",
        type=float,
        default=CalibrateOptions().max_copied,
        metavar="SHARE",
        help="Share of the hold-out that may be such copies (default: %(default)s)",
    )
    parser.add_argument(
        "--count",
        type=int,
        default=CalibrateOptions().count,
        metavar="N",
        help="Training images that are drawn where there is no hold-out (default: %(default)s)",
    )
    parser.add_argument(
        "--from-training",
        action="store_true",
        help="Measure training images against the rest, also in the place of a hold-out that was measured",
    )
    add_max_rejected(parser)


def _add_threshold(parser: argparse.ArgumentParser) -> None:
    """Which threshold follows."""
    parser.add_argument(
        "--fpr",
        type=float,
        default=0.01,
        metavar="RATE",
        help="Share of innocent images that may reach the threshold (default: %(default)s)",
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=1,
        metavar="N",
        help="Let --fpr be the false-alarm rate of a whole gate of N samples (default: of one sample)",
    )
    parser.add_argument(
        "--by",
        choices=GROUPINGS,
        default="",
        help="A threshold of its own for each label or caption of training images",
    )


def _add_planted(parser: argparse.ArgumentParser) -> None:
    """Which canaries are planted."""
    parser.add_argument(
        "--plant",
        type=int,
        metavar="N",
        help="Training images of which edited copies are planted, 0 for none (default: "
        f"{CalibrateOptions().plant})",
    )
    parser.add_argument(
        "--images",
        metavar="SOURCE",
        help="The training set, where its images lie in tars, tables or arrays",
    )


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    if args.drop:
        return _drop(args)
    index = open_index(args.index, embedder=args.embedder, device=args.device)
    options = CalibrateOptions(
        holdout=args.holdout,
        fpr=args.fpr,
        samples=args.samples,
        copies_from=args.copies_from,
        max_copied=args.max_copied,
        by=args.by,
        count=args.count,
        max_rejected=args.max_rejected,
        plant=CalibrateOptions().plant if args.plant is None else args.plant,
        images=args.images,
        objects=args.objects,
        seed=args.seed,
        from_training=args.from_training,
        restart=args.restart,
    )
    if args.plot is not None:
        check_plot(args.plot)
    found = calibrate_index(index, options)
    if args.plot is not None:
        draw_calibration(found, args.plot)
    if args.json:
        print_json({"index": args.index} | calibration_data(found))
    else:
        print(calibration_text(args.index, found))
    if args.plant and not found.planted:
        wanted = f"the index is calibrated, but --plant {args.plant} was asked for and {found.note}"
        print(lines(f"error: {wanted}"), file=sys.stderr)
        return _NOT_DONE
    return 0


def _drop(args: argparse.Namespace) -> int:
    if args.holdout is not None or args.plot is not None:
        raise SettingsError("--drop takes the calibration out of an index: give it alone")
    dropped = drop_calibration(Path(args.index))
    if args.json:
        print_json({"index": args.index, "dropped": dropped})
    else:
        what = "the calibration is dropped" if dropped else "there was no calibration"
        print(f"{args.index}: {what}")
    return 0
