"""How time and memory of the exact scan grow with the index, and whether it overlooks a planted copy.

    python benchmarks/linear.py [--most 10000000] [--keep FOLDER]

One made-up index of the largest size is written, its 8-bit codes are made, and the smaller ones are
its first shards. Each search is a process of its own: it searches 256 samples once, with all
checksums, and again. Then copies are planted at a cosine of exactly 0.5 from random rows of the
largest index, and each has to be found by the exact search. Also draws results/linear.svg.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import made_up
import numpy as np
import plot
import scan
from measure import RESULTS, median, save, say, seconds, table

from pytest_replication import Index
from pytest_replication.search import search
from pytest_replication.search.codes import write_codes
from pytest_replication.search.engines import planted

SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
THRESHOLD, ROUNDING, GROUP = 0.5, 1e-6, 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    made_up.add_options(parser, SIZES[-1], "--most")
    scan.add_options(parser)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--planted", type=int, default=3000)
    args = parser.parse_args()
    recipe = made_up.recipe_of(args)
    with made_up.made_up(recipe, args.keep) as (index, work), scan.product(args.always_codes):
        found = results(args, recipe, index, work)
    save("linear", found)
    print("\n" + table(found["sizes"]))
    draw(found["sizes"])
    if found["planted"]["misses"]:
        raise SystemExit(f"{found['planted']['misses']} planted copies were overlooked")


def results(args: argparse.Namespace, recipe: made_up.Recipe, index: Index, work: Path) -> dict[str, Any]:
    np.save(work / "samples.npy", made_up.samples(index, recipe, args.samples))
    coded = made_up.first_shards(index, work / "coded", len(index.shards), codes=False)
    say("making codes")
    code_seconds, _ = seconds(lambda: write_codes(coded))
    sizes = []
    for rows in sorted({min(size, index.rows) for size in (*args.sizes, index.rows)}):
        shards = max(1, round(rows / recipe.shard_rows)) if rows < index.rows else len(index.shards)
        part = made_up.first_shards(coded, work / f"first-{rows}", shards)
        say(f"searching {part.rows} rows")
        sizes.append(size_of(args, part, work))
        say(json.dumps(sizes[-1]))
    return {
        "dim": recipe.dim,
        "samples": args.samples,
        "runs": args.runs,
        "always_codes": args.always_codes,
        "write_codes_seconds": round(code_seconds, 1),
        "sizes": sizes,
        "planted": find_planted(coded, args.planted, recipe.seed),
    }


def size_of(args: argparse.Namespace, index: Index, work: Path) -> dict[str, Any]:
    """What a search of one index takes."""
    runs = [scan.in_turn(args, "codes", index, index, work) for _ in range(args.runs)]
    first = median([run["first"] for run in runs])
    again = median([run["again"] for run in runs])
    return {
        "rows": index.rows,
        "first_seconds": round(first, 3),
        "again_seconds": round(again, 3),
        "again_seconds_a_million_rows": round(again / index.rows * 1e6, 3),
        "peak_mib": max(run["peak_mib"] for run in runs),
        "anonymous_mib": max(run["anonymous_mib"] for run in runs),
        "bytes_of_codes": scan.bytes_of_codes(index),
        "bytes_of_vectors": sum(shard.embeddings_path.stat().st_size for shard in index.shards),
        "bytes_looked_at": round(median([run["looked_at"] for run in runs])),
        "runs_with_codes": sum(run["with_codes"] for run in runs),
    }


def find_planted(index: Index, count: int, seed: int) -> dict[str, Any]:
    """Plant copies at the threshold and search for them exactly."""
    say(f"planting {count} copies")
    queries, _ = planted(index, THRESHOLD, count, seed)
    misses, took = 0, 0.0
    for first in range(0, count, GROUP):
        group = queries[first : first + GROUP, None]
        part, found = seconds(lambda group=group: search(index, group, 1))
        took += part
        misses += int((~(found.scores[:, 0] >= THRESHOLD - ROUNDING)).sum())
        say(f"{first + len(group)} of {count} searched, {misses} missed")
    return {
        "rows": index.rows,
        "threshold": THRESHOLD,
        "queries": count,
        "misses": misses,
        "seconds": round(took, 1),
        "with_codes": scan.uses_codes(index),
    }


def draw(sizes: list[dict[str, Any]]) -> None:
    lines = {
        "first search of a process": [(size["rows"], size["first_seconds"]) for size in sizes],
        "searches after it": [(size["rows"], size["again_seconds"]) for size in sizes],
    }
    text = plot.log_log("Exact scan: seconds of a search", "rows of the index", "seconds", lines)
    (RESULTS / "linear.svg").write_text(text)


if __name__ == "__main__":
    main()
