"""What approximate engines take beside the exact scan, once their recall is certified.

    pip install 'pytest-replication[annoy,faiss]'
    python benchmarks/engines.py [--rows 1000000] [--keep FOLDER]

Every engine is built and certified (recall 0.999 of 3,000 planted copies, thresholds 0.5, 0.75 and
0.9) in a process of its own. Then samples are searched at the effort of each certificate, or at the
best effort where the certificate was refused: candidates proposed and scored exactly. The exact scan
over the same rows, with 8-bit codes and without, is run before. Results are kept after each step.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import made_up
import numpy as np
import scan
from measure import Memory, child, median, save, say, seconds, table

from pytest_replication import Index, ReplicationError, open_index
from pytest_replication.errors import SettingsError
from pytest_replication.search.codes import write_codes
from pytest_replication.search.engines import (
    Certificate,
    build_engine,
    certify,
    engine_class,
    engine_names,
    open_engine,
)
from pytest_replication.search.vectors import cosines

MIN_RECALL = 0.999


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    made_up.add_options(parser)
    scan.add_options(parser)
    parser.add_argument("--engines", nargs="+", choices=engine_names(), default=engine_names())
    parser.add_argument("--thresholds", type=float, nargs="+", default=(0.5, 0.75, 0.9))
    parser.add_argument("--planted", type=int, default=3000)
    parser.add_argument("--candidates", type=int, default=10, help="Candidates for each sample (k)")
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=3, metavar=("ENGINE", "INDEX", "SAMPLES"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        engine, folder, wanted = args.child
        print(json.dumps(measure(args, engine, Path(folder), np.load(wanted, allow_pickle=False))))
        return
    recipe = made_up.recipe_of(args)
    with made_up.made_up(recipe, args.keep) as (index, work):
        results = compare(args, recipe, index, work)
    save("engines", results)
    print("\n" + table(list(lines(results))))
    if any("broke" in found for found in results["engines"].values()):
        raise SystemExit("an engine broke down")


def compare(args: argparse.Namespace, recipe: made_up.Recipe, index: Index, work: Path) -> dict[str, Any]:
    np.save(work / "samples.npy", made_up.samples(index, recipe, args.samples))
    # The engines are built in a folder of links, so that rows that are kept stay as they are.
    linked = made_up.first_shards(index, work / "linked", len(index.shards), codes=False)
    plain = made_up.first_shards(index, work / "plain", len(index.shards), codes=False)
    results: dict[str, Any] = {
        "rows": index.rows,
        "dim": recipe.dim,
        "samples": args.samples,
        "planted": args.planted,
        "min_recall": MIN_RECALL,
        "candidates": args.candidates,
        "exact": exact(args, linked, plain, work),
        "engines": {},
    }
    save("engines", results, show=False)
    numbers = [str(threshold) for threshold in args.thresholds]
    options = ["--planted", args.planted, "--candidates", args.candidates, "--runs", args.runs]
    for engine in args.engines:
        try:
            engine_class(engine).library()
        except SettingsError as error:
            results["engines"][engine] = {"skipped": str(error)}
            continue
        say(f"{engine}: building and certifying")
        asked = ["--child", engine, linked.path, work / "samples.npy", *options, "--thresholds", *numbers]
        try:
            results["engines"][engine] = child(__file__, *asked)
        except SystemExit as error:  # out of memory, say: the others can still be measured
            results["engines"][engine] = {"broke": str(error)}
        save("engines", results, show=False)
    return results


def exact(args: argparse.Namespace, coded: Index, index: Index, work: Path) -> dict[str, Any]:
    """The exact scan with codes and without."""
    say("exact scan")
    code_seconds, _ = seconds(lambda: write_codes(coded))
    told: dict[str, Any] = {"write_codes_seconds": round(code_seconds, 1)}
    told["bytes_of_codes"] = scan.bytes_of_codes(coded)
    for side in ("codes", "floats"):
        told[side] = scan.summary([scan.in_turn(args, side, index, coded, work) for _ in range(args.runs)])
    return told


def measure(args: argparse.Namespace, name: str, folder: Path, wanted: made_up.Vectors) -> dict[str, Any]:
    """Build, certify and search with an engine."""
    index = open_index(folder)
    with Memory() as memory:
        try:
            took, entry = seconds(lambda: build_engine(index, name))
        except ReplicationError as error:
            return {"broke": str(error)}
    told: dict[str, Any] = {
        "build_seconds": round(entry.seconds, 1),
        "build_seconds_with_checks": round(took, 1),
        "build_memory": memory.data(),
        "bytes": sum(file.bytes for file in entry.files.values()),
        "parameters": dict(entry.parameters),
        "thresholds": {},
    }
    say(f"{name}: built in {took:.1f} s")
    for threshold in args.thresholds:
        told["thresholds"][str(threshold)] = at(args, name, index, threshold, wanted)
        say(f"{name} at {threshold}: {json.dumps(told['thresholds'][str(threshold)])}")
    return told


def at(
    args: argparse.Namespace, name: str, index: Index, threshold: float, wanted: made_up.Vectors
) -> dict[str, Any]:
    """Certify an engine at a threshold and search at the effort that this takes."""
    opening, engine = seconds(lambda: open_engine(index, name))
    took, result = seconds(
        lambda: certify(
            index, engine, threshold, k=args.candidates, count=args.planted, min_recall=MIN_RECALL
        )
    )
    certified = isinstance(result, Certificate)
    engine.effort = result.effort
    turns = [
        seconds(lambda: cosines(index, wanted, engine.candidates(wanted, args.candidates)))[0]
        for _ in range(1 + args.runs)
    ]
    return {
        "certified": certified,
        "effort": result.effort,
        "exhaustive_effort": engine.exhaustive,
        "planted": result.planted,
        "misses": result.misses,
        "bound": result.bound,
        "refused": None if certified else result.reason,
        "open_seconds": round(opening, 2),
        "certify_seconds": round(took, 1),
        "first_seconds": round(turns[0], 3),
        "search_seconds": round(median(turns[1:]), 3),
    }


def lines(results: dict[str, Any]) -> Any:
    """Rows of the table."""
    found = results["exact"]
    for side, size in (("codes", found["bytes_of_codes"]), ("floats", 0)):
        yield {
            "engine": f"exact, {side}",
            "threshold": "any",
            "certified": "exact",
            "effort": None,
            "bound": None,
            "search seconds": found[side]["again_seconds"],
            "certify seconds": None,
            "build seconds": found["write_codes_seconds"] if side == "codes" else 0,
            "bytes": size,
        }
    for name, engine in results["engines"].items():
        for threshold, result in engine.get("thresholds", {}).items():
            yield {
                "engine": name,
                "threshold": threshold,
                "certified": "yes" if result["certified"] else f"no, {result['misses']} missed",
                "effort": f"{result['effort']:,} of {result['exhaustive_effort']:,}",
                "bound": result["bound"],
                "search seconds": result["search_seconds"],
                "certify seconds": result["certify_seconds"],
                "build seconds": engine["build_seconds"],
                "bytes": engine["bytes"],
            }


if __name__ == "__main__":
    main()
