"""``benchmark``: which extractor and score find copies best, on sets made of the user's own images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_replication._cli.options import Verbs, add_device, print_json
from pytest_replication.benchmark.asked import check_asked
from pytest_replication.benchmark.choose import choose_sets, hosts_of, pictures_of
from pytest_replication.benchmark.chosen import Chosen
from pytest_replication.benchmark.chosen_checks import check_apart, check_sets, idle
from pytest_replication.benchmark.figures import check_figures, draw_curves, draw_heat_map
from pytest_replication.benchmark.results import Row, as_csv, as_table, as_thresholds
from pytest_replication.benchmark.run import RESULTS, run_benchmark
from pytest_replication.benchmark.scores import A_DIMENSION, score_named
from pytest_replication.errors import BenchmarkError

_RATE = "recall at false-positive rate 1 %"
_SHOWN = ("mAP", "micro-AP", "recall at precision 90 %", _RATE)


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
    _add_sets(parser)
    _add_extractors(parser)
    parser.add_argument("--no-figures", action="store_true", help="Draw no figures")
    add_device(parser)
    return parser


def _add_sets(parser: argparse.ArgumentParser) -> None:
    """What is compared: sets that are there, and what others are made of."""
    parser.add_argument(
        "--set",
        required=True,
        nargs="+",
        dest="sets",
        metavar="SET",
        help="Kinds to make of --images and --objects (cutmix, segmix, segmix_hard, segmix_resized, "
        "patch_outpaint, diagonal_outpaint, object_paste, patch_paste, redrawn, foreground_replaced, edits), "
        "folders of sets, or published sets as NAME=FOLDER",
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
        "--twins",
        metavar="FILE",
        help="Near duplicates among the images: two ids a line, a tab between them (others/ID for --others)",
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


def _add_extractors(parser: argparse.ArgumentParser) -> None:
    """What compares them: extractors, and scores with what those learn from."""
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


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    chosen = Chosen(
        args.images,
        args.objects,
        args.others,
        args.count,
        args.negatives,
        args.seed,
        args.fill,
        args.twins,
    )
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
    check_asked(args.embedders, args.scores, len(background), preset=args.preset, device=args.device)
    tell = None if sys.stderr.isatty() else _say  # a terminal has bars
    sets = choose_sets(args.sets, chosen, args.out / "sets", partial=args.partial, tell=tell)
    rows = run_benchmark(
        sets,
        args.embedders,
        args.scores,
        args.out,
        background=background,
        background_name=args.background or "",
        hosts={made.name: hosts_of(made, chosen) for made in sets},
        preset=args.preset,
        device=args.device,
        say=_say,
        tell=tell,
    )
    _write(args.out / "results.csv", as_csv(rows))
    if not args.json:
        _print(rows)
    figures = [] if args.no_figures else _draw(rows, args.out)
    if args.json:
        print_json([_public(row) for row in rows])
    else:
        drawn = "".join(f", {path.name}" for path in figures)
        print(f"{args.out / RESULTS} (all commands); of this command: results.csv{drawn}")
    return 0


def _print(rows: Sequence[Row]) -> None:
    """Print a table a metric, thresholds below those that have some, and what has to be known of them."""
    for metric in _SHOWN:
        if any(row.metrics.get(metric) is not None for row in rows):
            print(as_table(rows, metric), end="\n\n", flush=True)
        if any(row.thresholds.get(metric) is not None for row in rows):
            print(as_thresholds(rows, metric), end="\n\n", flush=True)
    if any(row.thresholds.get(metric) is not None for row in rows for metric in _SHOWN):
        print(
            "a threshold belongs to the set, the extractor and the score that it was measured with: "
            "measure it on images like those that a gate will see"
        )
    for line in (*_whitened(rows), *_without_rates(rows)):
        print(line)


def _whitened(rows: Sequence[Row]) -> list[str]:
    """What each whitening has kept: it says how much of a vector a score still sees."""
    return [
        f"{row.set}, {row.extractor}, {row.score}: {kept['kept']} of {kept['of']} directions kept, with "
        f"{100 * kept['variance']:.1f} % of the variance of the background{_few(row)}"
        for row in rows
        if (kept := row.about.get("whitening")) is not None
    ]


def _few(row: Row) -> str:
    """What a background that is too small has cost a whitening, as the end of a sentence."""
    kept, images = row.about["whitening"], int(row.about["background"]["images"])
    if kept["kept"] == kept["of"] or kept["kept"] < max(1, images // A_DIMENSION):
        return ""
    return (
        f"; {images} images allow no more, which says little about whitening: all {kept['of']} take "
        f"{A_DIMENSION * kept['of']}"
    )


def _without_rates(rows: Sequence[Row]) -> list[str]:
    """Why the table of a false-positive rate lacks some sets."""
    without = list(dict.fromkeys(row.set for row in rows if row.metrics.get(_RATE) is None))
    if not without:
        return []
    return [
        f"no recall at a false-positive rate of 1 % for {', '.join(without)}: it takes 100 queries that "
        "should find nothing at least (--negatives 100, taken from --others where it is given)"
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
        "thresholds": dict(row.thresholds),
        "about": dict(row.about),
    }


def _draw(rows: Sequence[Row], out: Path) -> list[Path]:
    curves, heat_map = out / "curves.png", out / "heat-map.png"
    draw_curves(rows, curves)
    draw_heat_map(rows, "mAP", heat_map)
    return [curves, heat_map]
