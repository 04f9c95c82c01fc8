"""``engine``: make the codes that speed up the exact scan, or an approximate engine and its certificates."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pytest_replication._cli.options import Verbs, add_min_recall, print_json
from pytest_replication.errors import SearchError, ThresholdMissing
from pytest_replication.index.reader import Index, open_index
from pytest_replication.search.codes import NAME, write_codes
from pytest_replication.search.engines import (
    Certificate,
    Engine,
    Refusal,
    add_certificate,
    build_engine,
    certify,
    engine_names,
    open_engine,
)
from pytest_replication.search.proposals import CANDIDATES

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
    parser.add_argument(
        "--planted",
        type=int,
        default=3000,
        metavar="N",
        help="Copies to plant for a certificate (default: %(default)s)",
    )
    parser.add_argument("--rebuild", action="store_true", help="Build an engine anew that is there already")
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    index = open_index(args.index)
    if args.name == NAME:
        return _codes(index, args.json)
    thresholds = args.threshold or [_default_threshold(index)]
    engine = _engine(index, args.name, args.rebuild)
    results = [_certify(index, engine, value, args.planted, args.min_recall) for value in thresholds]
    if args.json:
        print_json(_data(index, engine, results))
    else:
        print(_text(index, engine, results))
    return _REFUSED if any(isinstance(result, Refusal) for result in results) else 0


def _codes(index: Index, as_json: bool) -> int:
    made = write_codes(index)
    if as_json:
        print_json({"index": str(index.path), "engine": NAME, "made": made, "shards": len(index.shards)})
    else:
        print(f"{index.path}: codes of {made} of {len(index.shards)} shards made, the others were there")
    return 0


def _default_threshold(index: Index) -> float:
    default = index.embedder.default_threshold
    if default is None:
        raise ThresholdMissing(
            f"the embedder {index.manifest.embedder.name} of {index.path} has no documented threshold to "
            "certify an engine at: give --threshold"
        )
    return default.value


def _engine(index: Index, name: str, rebuild: bool) -> Engine:
    """The engine that is there, if it is sound and one of these vectors; else a new one."""
    if not rebuild:
        try:
            return open_engine(index, name)
        except SearchError:
            pass
    build_engine(index, name)
    return open_engine(index, name)


def _certify(
    index: Index, engine: Engine, threshold: float, planted: int, min_recall: float
) -> Certificate | Refusal:
    result = certify(
        index,
        engine,
        threshold,
        k=CANDIDATES,
        count=planted,
        min_recall=min_recall,
        removed=index.removed if len(index.removed) else None,
    )
    if isinstance(result, Certificate):
        add_certificate(index, result)
    return result


def _data(index: Index, engine: Engine, results: Sequence[Certificate | Refusal]) -> dict[str, Any]:
    return {
        "index": str(index.path),
        "engine": engine.name,
        "library": engine.entry.library,
        "parameters": dict(engine.entry.parameters),
        "bytes": sum(file.bytes for file in engine.entry.files.values()),
        "build_seconds": engine.entry.seconds,
        "results": [asdict(result) | {"certified": isinstance(result, Certificate)} for result in results],
    }


def _text(index: Index, engine: Engine, results: Sequence[Certificate | Refusal]) -> str:
    size = sum(file.bytes for file in engine.entry.files.values())
    lines = [f"{index.path}: {engine.name} of {engine.entry.vectors} vectors, {size / 1e6:.1f} MB"]
    for result in results:
        if isinstance(result, Certificate):
            lines.append(
                f"  {result.threshold:g}: certified, recall above {100 * result.bound:.5g} % "
                f"({result.misses} of {result.planted} planted copies missed, effort {result.effort})"
            )
        else:
            lines.append(f"  {result.threshold:g}: REFUSED, the exact scan decides here: {result.reason}")
    return "\n".join(lines)
