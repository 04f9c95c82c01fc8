"""``engine``: make the codes that speed up the exact scan, or an approximate engine and its certificates."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from pytest_replication._cli.options import Verbs, add_embedder, add_min_recall, print_json
from pytest_replication.index.opening import open_index
from pytest_replication.reports.words import plural
from pytest_replication.search.codes import NAME
from pytest_replication.search.engines import Certificate, EngineEntry, engine_names
from pytest_replication.search.engines.certificate import CONFIDENCE
from pytest_replication.search.make import EngineReport, make_engine

_REFUSED = 3
"""Exit status when an engine may not pass checks at a threshold that was asked for."""


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "engine",
        help="Make the codes that speed up the exact scan, or an approximate engine",
        description="int8 makes the 8-bit codes with which the exact scan rules most vectors out before it "
        "reads them; nothing is lost. The others are approximate engines; their recall is measured at each "
        "threshold, and a check may pass on their word only where it is certified; exit 3 where it is not. "
        "All are derived: delete INDEX/engines at any time.",
    )
    parser.add_argument("index", metavar="INDEX", help="Folder of the index")
    parser.add_argument("name", choices=(NAME, *engine_names()), help="Which codes or engine")
    parser.add_argument(
        "--threshold",
        type=float,
        nargs="+",
        metavar="SCORE",
        help="Certify an engine at these thresholds (default: the embedder's)",
    )
    add_min_recall(parser)
    add_embedder(parser)
    parser.add_argument(
        "--planted",
        type=int,
        metavar="N",
        help="Copies to plant for a certificate (default: 3000, or as many as the proof takes)",
    )
    parser.add_argument(
        "--confidence",
        type=float,
        default=CONFIDENCE,
        metavar="SHARE",
        help="Of a certificate; checks that ask for more are decided exactly (default: %(default)s)",
    )
    parser.add_argument(
        "--rebuild", action="store_true", help="Make codes or an engine anew that are there already"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    report = make_engine(
        open_index(args.index, embedder=args.embedder),
        args.name,
        args.threshold,
        min_recall=args.min_recall,
        planted=args.planted,
        confidence=args.confidence,
        rebuild=args.rebuild,
    )
    if args.json:
        print_json(_codes_data(report) if report.entry is None else _data(report, report.entry))
    else:
        print(_codes_text(report) if report.entry is None else _text(report, report.entry))
    return 0 if report.certified else _REFUSED


def _codes_data(report: EngineReport) -> dict[str, Any]:
    return {
        "index": report.index,
        "engine": report.engine,
        "made": report.coded,
        "shards": report.shards,
    }


def _codes_text(report: EngineReport) -> str:
    others = report.shards - report.coded
    there = f", those of {plural(others, 'shard')} were there" if others else ""
    return f"{report.index}: codes of {plural(report.coded, 'shard')} made{there}"


def _data(report: EngineReport, entry: EngineEntry) -> dict[str, Any]:
    return {
        "index": report.index,
        "engine": report.engine,
        "library": entry.library,
        "parameters": dict(entry.parameters),
        "bytes": sum(file.bytes for file in entry.files.values()),
        "build_seconds": entry.seconds,
        "results": [
            asdict(result) | {"certified": isinstance(result, Certificate)} for result in report.results
        ],
    }


def _text(report: EngineReport, entry: EngineEntry) -> str:
    size = sum(file.bytes for file in entry.files.values())
    lines = [f"{report.index}: {report.engine} of {entry.vectors} vectors, {size / 1e6:.1f} MB"]
    for result in report.results:
        if isinstance(result, Certificate):
            lines.append(
                f"  {result.threshold:g}: certified, recall above {100 * result.bound:.5g} % "
                f"({result.misses} of {result.planted} planted copies missed, effort {result.effort})"
            )
        else:
            lines.append(f"  {result.threshold:g}: REFUSED, the exact scan decides here: {result.reason}")
    return "\n".join(lines)
