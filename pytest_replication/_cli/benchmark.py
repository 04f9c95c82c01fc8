"""``benchmark``: which extractor and score find copies best, on sets made of the user's own images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_replication._cli.options import Verbs, add_device, print_json
from pytest_replication.benchmark.asked import check_asked
from pytest_replication.benchmark.chosen import (
    Chosen,
    check_apart,
    check_sets,
    choose_sets,
    idle,
    pictures_of,
)
from pytest_replication.benchmark.figures import check_figures, draw_curves, draw_heat_map
from pytest_replication.benchmark.results import Row, as_csv, as_table
from pytest_replication.benchmark.run import RESULTS, run_benchmark
from pytest_replication.benchmark.scores import score_named
from pytest_replication.benchmark.sets import RetrievalSet
from pytest_replication.errors import BenchmarkError
from pytest_replication.reports.words import plural

_NEGATIVES = 100
"""Queries that copy nothing, from which on a rate of 1 % can be told."""
_SHOWN = ("mAP", "micro-AP", "recall at precision 90 %", "recall at false-positive rate 1 %")


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "benchmark",
        help="Measure which extractor and score find copies best",
        description="Measure how well extractors and scores find copies: in sets made of your own images, "
        "in published retrieval sets, or in sets that another tool made. Results, features and figures go "
        "to OUT; a run that was stopped goes on where it was.",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="OUT", help="Folder of the benchmark")
    parser.add_argument(
        "--set",
        required=True,
        nargs="+",
        dest="sets",
        metavar="SET",
        help="Kinds to make of --images and --objects (cutmix, segmix, segmix_hard, segmix_resized, "
        "patch_outpaint, diagonal_outpaint, edits), folders of sets, or published sets as NAME=FOLDER",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="Take published sets with fewer pictures than published; results compare with no others",
    )
    parser.add_argument("--images", metavar="SOURCE", help="Images that sets are made of")
    parser.add_argument(
        "--objects",
        metavar="MASKS",
        help="Images with masks, for the kinds that need them: cutouts:FOLDER, voc:FOLDER, coco:JSON:FOLDER",
    )
    parser.add_argument(
        "--others", metavar="SOURCE", help="Images that are no training images: hosts, negatives"
    )
    parser.add_argument(
        "--count", type=int, default=100, metavar="N", help="Copies a set (default: %(default)s)"
    )
    parser.add_argument(
        "--negatives",
        type=int,
        default=0,
        metavar="N",
        help="Queries a set that copy nothing (default: 0; 100 tell recall at a false-positive rate of 1 %%)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="Of the sets (default: %(default)s)")
    parser.add_argument(
        "--fill", metavar="FOLDER", help="Diffusers pipeline that outpaints (default: OpenCV)"
    )
    parser.add_argument(
        "--embedder", required=True, nargs="+", dest="embedders", metavar="NAME", help="Extractors"
    )
    parser.add_argument(
        "--preset", help="Preprocessing preset of all extractors (default: the own one of each)"
    )
    parser.add_argument(
        "--score",
        nargs="+",
        dest="scores",
        default=["inner"],
        metavar="NAME",
        help="inner, split, split-concat, cross, cross-concat; inner+whiten, inner+norm and others "
        "(default: inner)",
    )
    parser.add_argument("--background", metavar="SOURCE", help="Images that are in no set, to learn from")
    parser.add_argument("--no-figures", action="store_true", help="Draw no figures")
    add_device(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    chosen = Chosen(args.images, args.objects, args.others, args.count, args.negatives, args.seed, args.fill)
    check_apart(args.out, args.sets, chosen, args.background)
    if not args.no_figures:
        check_figures()
    # All that can be found out in seconds comes before sets, which may take minutes.
    wanted = [score_named(name) for name in args.scores]
    check_sets(args.sets, chosen, partial=args.partial)
    background = [] if args.background is None else pictures_of(args.background)
    for line in idle(args.sets, chosen):
        _say(line)
    if background and not any(score.needs_background for score in wanted):
        _say(f"--background changes nothing: none of the scores {', '.join(args.scores)} learns from one")
    check_asked(args.embedders, args.scores, len(background) or None, preset=args.preset, device=args.device)
    tell = None if sys.stderr.isatty() else _say  # a terminal has bars
    sets = choose_sets(args.sets, chosen, args.out / "sets", partial=args.partial, tell=tell)
    rows = run_benchmark(
        sets,
        args.embedders,
        args.scores,
        args.out,
        background=background,
        preset=args.preset,
        device=args.device,
        say=_say,
        tell=tell,
    )
    _write(args.out / "results.csv", as_csv(rows))
    if not args.json:
        for metric in _SHOWN:
            if any(row.metrics.get(metric) is not None for row in rows):
                print(as_table(rows, metric), end="\n\n", flush=True)
        for line in _whitened(rows):
            print(line)
        for line in _untold(sets):
            _say(line)
    figures = [] if args.no_figures else _draw(rows, args.out)
    if args.json:
        print_json([_public(row) for row in rows])
    else:
        print(
            f"{args.out / RESULTS} (all commands); of this command: results.csv"
            + "".join(f", {path.name}" for path in figures)
        )
    return 0


def _whitened(rows: Sequence[Row]) -> list[str]:
    """What each whitening has kept: it says how much of a vector a score still sees."""
    return [
        f"{row.set}, {row.extractor}, {row.score}: {kept['kept']} of {kept['of']} directions kept, with "
        f"{100 * kept['variance']:.1f} % of the variance of the background"
        for row in rows
        if (kept := row.about.get("whitening")) is not None
    ]


def _untold(sets: Sequence[RetrievalSet]) -> list[str]:
    """Why a set has no recall at a false-positive rate of 1 %: one false alarm has to be within the rate."""
    found = {made.name: sum(not (query.positives or query.junk) for query in made.queries) for made in sets}
    return [
        f"{name}: recall at a false-positive rate of 1 % is not told of {plural(count, 'query', 'queries')} "
        f"that copy nothing: {_NEGATIVES} are needed (--negatives {_NEGATIVES}, taken from --others where it "
        "is given)"
        for name, count in found.items()
        if count < _NEGATIVES
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be written: {error}; name another --out") from error


def _public(row: Row) -> dict[str, object]:
    return {
        "set": row.set,
        "extractor": row.extractor,
        "weights_sha256": row.weights_sha256,
        "preprocessing": row.preprocessing,
        "score": row.score,
        "queries": row.queries,
        "database": row.database,
        "metrics": dict(row.metrics),
        "about": dict(row.about),
    }


def _draw(rows: Sequence[Row], out: Path) -> list[Path]:
    curves, heat_map = out / "curves.png", out / "heat-map.png"
    draw_curves(rows, curves)
    draw_heat_map(rows, "mAP", heat_map)
    return [curves, heat_map]
