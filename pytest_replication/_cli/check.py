"""``check``: the verdict of the gate, outside pytest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication._cli.extraction import add_pixels, extracted
from pytest_replication._cli.judged_again import judged_again
from pytest_replication._cli.options import Verbs, add_engine, add_index, add_model, loaded_model, print_json
from pytest_replication._cli.prompts import add_prompts, draw_asked
from pytest_replication._cli.reported import CheckReport, add_report
from pytest_replication.accepted import NOTHING
from pytest_replication.accepted.file import read_accepted
from pytest_replication.asked import Asked
from pytest_replication.check import check_replication, require_rule
from pytest_replication.choices import EngineChoice
from pytest_replication.errors import ReplicationError, SettingsError
from pytest_replication.escape import lines, one_line
from pytest_replication.index.fingerprint import require_fingerprint
from pytest_replication.index.opening import open_index
from pytest_replication.index.reader import Index
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.matches_file import save_matches
from pytest_replication.reports.pictures import check_pictures, draw_pictures
from pytest_replication.reports.text import render
from pytest_replication.reports.words import read_number
from pytest_replication.surroundings import Surroundings, surrounded_by
from pytest_replication.verdicts import Outcome, Verdict

_KEPT = 5
"""Training images a sample that are kept, for the text."""
_CANNOT_TELL = 3
_STATUS = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: _CANNOT_TELL}


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "check",
        help="Judge samples: exit 0 pass, 1 replicated, 3 cannot tell",
        description="Judge samples against an index, or matches that were saved: exit 0 pass, 1 replicated, "
        "3 cannot tell.",
    )
    add_index(parser, optional=True)
    parser.add_argument(
        "model",
        nargs="?",
        metavar="SAMPLES",
        help="What --replication-model takes: a folder of samples or of a pipeline, module:function, …",
    )
    add_model(parser)
    parser.add_argument(
        "--index-fingerprint",
        metavar="INDEX",
        help="Fingerprint that the index must have, as info shows it; with +MEASURED also that of "
        "calibration and canaries",
    )
    parser.add_argument(
        "--matches",
        metavar="FILE",
        help="Judge what --save has written again, in the place of INDEX and SAMPLES",
    )
    parser.add_argument("--save", metavar="FILE", help="Keep all that was measured, to judge it again")
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="FILE",
        help="Draw the samples with the highest scores, each beside its nearest training image (.png)",
    )
    add_report(parser)
    _add_rule(parser)
    _add_samples(parser)
    add_engine(parser)
    _add_proof(parser)
    parser.add_argument(
        "--complexity",
        action="store_true",
        help="Measure how complex samples and matched training images are, and if the score goes with it",
    )
    parser.add_argument(
        "--objects",
        action="store_true",
        help="Let a part of a sample that is a copy of a part of a training image count as well",
    )
    parser.add_argument(
        "--object-points",
        type=_whole,
        metavar="N",
        help="The same, from so many points alike on (default: that of the calibration, else 12)",
    )
    add_pixels(parser)
    return parser


def _add_rule(parser: argparse.ArgumentParser) -> None:
    """What is tolerated."""
    parser.add_argument(
        "--threshold",
        type=_number,
        metavar="SCORE",
        help="Replicated from this score on (default: that of the calibration, else the embedder's)",
    )
    parser.add_argument(
        "--fdr",
        type=_number,
        metavar="SHARE",
        help="In the place of a threshold: share of the replicated samples that may be innocent; takes a "
        "calibrated index",
    )
    parser.add_argument(
        "--max-rate", type=_number, metavar="SHARE", help="Tolerated share of replicated samples (default: 0)"
    )


def _add_samples(parser: argparse.ArgumentParser) -> None:
    """Which samples, and how much is told of them."""
    parser.add_argument(
        "--count",
        type=int,
        metavar="N",
        help="Samples to check (default: all of a folder, 256 of a function)",
    )
    add_prompts(parser)
    parser.add_argument("--seed", type=int, default=0, help="First seed (default: %(default)s)")
    parser.add_argument(
        "--neighbours",
        type=_whole,
        default=1,
        metavar="N",
        help="Training images of each sample in the answer of --json (default: %(default)s)",
    )


def _add_proof(parser: argparse.ArgumentParser) -> None:
    """What does not count, and what a pass may rest on."""
    parser.add_argument(
        "--accepted", metavar="FILE", help="Matches that were accepted, which do not count as replicated"
    )
    parser.add_argument(
        "--allow-unproved",
        action="store_true",
        help="Let samples pass on imported vectors of which nothing proves which embedder made them",
    )
    parser.add_argument(
        "--canaries",
        type=_whole,
        metavar="N",
        help="Planted copies of training images to be found, 0 for none (default: 16, if there are some)",
    )


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    if args.pictures is not None:
        if args.matches is not None or args.pixels is not None or args.pixel_limit is not None:
            raise SettingsError("--pictures draws a check of scores: leave out --matches and --pixels")
        check_pictures(args.pictures)
    if args.report is not None:
        _require_reportable(args)
    if args.pixels is not None or args.pixel_limit is not None:
        return _STATUS[extracted(args)]
    if args.report is not None:
        return _reported(args)
    verdict = _measured(args) if args.matches is None else judged_again(args)
    return _answer(args, verdict)


def _require_reportable(args: argparse.Namespace) -> None:
    """Refuse a report of what has none."""
    if args.matches is not None:
        raise SettingsError(
            "a run that is judged again with --matches makes no report, since neither samples nor training "
            "images are at hand: leave out --report, or check INDEX SAMPLES with it"
        )
    if args.pixels is not None or args.pixel_limit is not None:
        raise SettingsError("--report is about a check of scores: leave out --pixels and --pixel-limit")


def _reported(args: argparse.Namespace) -> int:
    """Answer the verb with a report, which tells errors as well."""
    parser = add_parser(argparse.ArgumentParser().add_subparsers())
    report = CheckReport(args, vars(parser.parse_args([])))
    report.begin()
    try:
        status = _answer(args, _measured(args, report))
    except ReplicationError as error:
        _tell(report, _CANNOT_TELL, error)
        raise
    return status if _tell(report, status) else status or _CANNOT_TELL


def _tell(report: CheckReport, status: int, error: ReplicationError | None = None) -> bool:
    """Write a report; where that fails, say it: the verdict stands."""
    try:
        report.write(status, error)
    except Exception as failure:  # whatever a renderer raises
        own = isinstance(failure, ReplicationError)
        said = (
            "" if own else f"the report in {report.args.report} cannot be written: {type(failure).__name__}: "
        )
        print(lines(f"error: {said}{failure}"), file=sys.stderr)
        return False
    print(one_line(f"report: {report.page}"), file=sys.stderr)
    return True


def _answer(args: argparse.Namespace, verdict: Verdict) -> int:
    if args.save is not None:
        save_matches(args.save, verdict)
    if args.json:
        print_json(verdict_data(verdict, neighbours=args.neighbours))
    else:
        print(f"{verdict.outcome.value.upper()}: {render(verdict)}")
    return _STATUS[verdict.outcome]


def _measured(args: argparse.Namespace, report: CheckReport | None = None) -> Verdict:
    if args.index is None or args.model is None:
        raise SettingsError(
            "check needs an index and samples: 'pytest-replication check INDEX SAMPLES'; or what --save has "
            "written: 'pytest-replication check --matches FILE'"
        )
    if args.save is not None and not Path(args.save).absolute().parent.is_dir():
        raise SettingsError(f"there is no folder for --save {args.save}: make it first")
    index = open_index(args.index, embedder=args.embedder, device=args.device)
    if args.index_fingerprint is not None:
        require_fingerprint(index, args.index_fingerprint, "command line")
    model = loaded_model(args)
    choice = EngineChoice(args.engine, args.allow_approximate, args.min_recall)
    given = _CommandLine(
        index,
        args.threshold,
        args.max_rate,
        choice,
        args.canaries,
        args.allow_unproved,
        args.fdr,
        args.complexity,
        args.objects or args.object_points is not None,
        args.object_points,
    )
    accepted = NOTHING if args.accepted is None else read_accepted(args.accepted)
    with surrounded_by(given):
        require_rule(Asked(), args.count)
        samples = draw_asked(args, model, index)
        verdict = check_replication(samples, top_k=max(_KEPT, args.neighbours), accepted=accepted)
    if report is not None:
        report.add(verdict, samples, index)
    if args.pictures is not None:
        drawn = draw_pictures(verdict, samples, index, args.pictures)
        told = f"{args.pictures}" if drawn else "no pictures: the training images are not at hand"
        print(told, file=sys.stderr)
    return verdict


def _number(text: str) -> float:
    try:
        return read_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from error


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


@dataclass(frozen=True)
class _CommandLine(Surroundings):
    """The surroundings of a check on the command line."""

    opened: Index
    given_threshold: float | None
    given_rate: float | None
    choice: EngineChoice
    given_canaries: int | None
    unproved_allowed: bool
    given_fdr: float | None = None
    complexity_wanted: bool = False
    objects_wanted: bool = False
    given_points: int | None = None

    def index(self, path: str | None = None) -> Index:
        return self.opened

    def threshold(self) -> tuple[float, str] | None:
        return None if self.given_threshold is None else (self.given_threshold, "command line")

    def fdr(self) -> tuple[float, str] | None:
        return None if self.given_fdr is None else (self.given_fdr, "command line")

    def max_rate(self) -> tuple[float, str] | None:
        return None if self.given_rate is None else (self.given_rate, "command line")

    def engine(self) -> EngineChoice:
        return self.choice

    def canaries(self) -> tuple[int, str] | None:
        return None if self.given_canaries is None else (self.given_canaries, "command line")

    def allow_unproved(self) -> bool:
        return self.unproved_allowed

    def complexity(self) -> bool:
        return self.complexity_wanted

    def objects(self) -> bool:
        return self.objects_wanted

    def object_points(self) -> tuple[int, str] | None:
        return None if self.given_points is None else (self.given_points, "command line")

    def record(self, verdict: Verdict, asserted: bool) -> None:
        """Nothing is kept."""

    def note(self, row: dict[str, Any], asserted: bool, tell: Callable[[], str] | None = None) -> None:
        """Nothing is kept."""

    def broke(self) -> None:
        """The exit status says it."""
