"""The exact scan over rows on disk, with 8-bit codes and without, beside faiss IndexFlatIP in memory.

    pip install 'pytest-replication[bench]'
    python benchmarks/scan.py [--rows 1000000] [--samples 256] [--runs 5] [--keep FOLDER]

All sides are processes of their own, in turn, over the same made-up rows. Ours opens the index and
searches it, which includes the checksum of all it reads and, with codes, the check of the integer
product; then it searches again. faiss has its rows in memory before the clock starts.

Memory is told twice: VmHWM, with the pages of memory-mapped files that were resident, and the
anonymous part of it. What our sides read is told twice as well: bytes of the codes and of the stored
vectors that were looked at, counted, and what the process had fetched from storage (read_bytes) in
a run after the pages of the index were given back, which the system rounds up by reading ahead.

Each process times the integer product and scans in floats where it is not faster, which on a machine
that others use may come out either way: runs_with_codes says how often codes were used, and
--always-codes uses them whatever the clock says.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import made_up
import numpy as np
from measure import Memory, child, forget, median, read_from_storage, save, seconds, table

from pytest_replication import Index, open_index
from pytest_replication.search import coded, exact, search
from pytest_replication.search.codes import open_codes, write_codes
from pytest_replication.search.kernel import is_right, onnx_product
from pytest_replication.search.vectors import cosines

K = 5
TIES = 1e-5
SIDES = ("codes", "floats", "faiss")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    made_up.add_options(parser)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    add_options(parser)
    parser.add_argument("--child", nargs=3, metavar=("SIDE", "INDEX", "SAMPLES"), help=argparse.SUPPRESS)
    parser.add_argument("--cold", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        side, folder, wanted = args.child
        find = with_faiss if side == "faiss" else ours
        with product(args.always_codes):
            print(json.dumps(find(Path(folder), np.load(wanted, allow_pickle=False), args.cold)))
        return
    recipe = made_up.recipe_of(args)
    with made_up.made_up(recipe, args.keep) as (index, work):
        found = results(args, recipe, index, work)
    save("scan", found)
    if not found["same_nearest_rows"]:
        raise SystemExit("the sides do not agree on the nearest rows")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare how the scan chooses its product."""
    parser.add_argument("--always-codes", action="store_true", help="Use codes though floats are faster")


@contextmanager
def product(always: bool) -> Iterator[None]:
    """Scan by codes wherever there are any, or let this machine choose."""
    if not always:
        yield
        return
    integers = onnx_product()
    if integers is None or not is_right(integers):
        raise SystemExit("this machine has no product of integers that is right: leave --always-codes out")
    with patch.object(exact, "integer_product", lambda: integers):
        yield


def results(args: argparse.Namespace, recipe: made_up.Recipe, index: Index, work: Path) -> dict[str, Any]:
    wanted = made_up.samples(index, recipe, args.samples)
    np.save(work / "samples.npy", wanted)
    plain = made_up.first_shards(index, work / "plain", len(index.shards), codes=False)
    coded = made_up.first_shards(index, work / "coded", len(index.shards), codes=False)
    code_seconds, _ = seconds(lambda: write_codes(coded))
    runs: dict[str, list[Any]] = {side: [] for side in args.sides}
    for _ in range(args.runs):
        for side in args.sides:
            runs[side].append(in_turn(args, side, plain, coded, work))
    told: dict[str, dict[str, Any]] = {side: summary(found) for side, found in runs.items()}
    for side in told.keys() - {"faiss"}:
        cold = in_turn(args, side, plain, coded, work, "--cold")
        told[side] |= {"cold_seconds": round(cold["first"], 2), "bytes_from_storage": cold["from_storage"]}
    print(table([{"side": side, **row} for side, row in told.items()]), end="\n\n")
    first = runs[args.sides[0]]
    return {
        "rows": index.rows,
        "dim": recipe.dim,
        "samples": args.samples,
        "runs": args.runs,
        "always_codes": args.always_codes,
        "bytes_of_vectors": sum(shard.embeddings_path.stat().st_size for shard in index.shards),
        "bytes_of_codes": bytes_of_codes(coded),
        "write_codes_seconds": round(code_seconds, 1),
        **told,
        "seconds_beside_the_first_side_median_of_ratios": {
            side: round(median([a["first"] / b["first"] for a, b in zip(found, first, strict=True)]), 2)
            for side, found in runs.items()
        },
        **agreement(index, wanted, [run for found in runs.values() for run in found]),
    }


def in_turn(
    args: argparse.Namespace, side: str, index: Index, coded: Index, work: Path, *options: str
) -> dict[str, Any]:
    folder = coded.path if side == "codes" else index.path
    options += ("--always-codes",) * args.always_codes
    found: dict[str, Any] = child(__file__, "--child", side, folder, work / "samples.npy", *options)
    return found


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of times, peaks of memory."""
    told: dict[str, Any] = {
        f"{name}_seconds": round(median([run[name] for run in runs]), 3) for name in ("first", "again")
    }
    told |= {name: max(run[name] for run in runs) for name in ("peak_mib", "anonymous_mib")}
    if "looked_at" in runs[0]:
        told["runs_with_codes"] = sum(run["with_codes"] for run in runs)
        told["bytes_looked_at"] = round(median([run["looked_at"] for run in runs]))
        told["vectors_looked_at"] = round(median([run["vectors"] for run in runs]))
    return told


def agreement(index: Index, wanted: made_up.Vectors, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Whether all runs found rows that score the same, place by place.

    Duplicates score the same up to rounding, so that one side may name another copy than the next:
    the true scores of the rows are compared, and those that were told with them.
    """
    true = [cosines(index, wanted, np.array(run["rows"])) for run in runs]
    largest = max(float(np.abs(scores - true[0]).max()) for scores in true)
    told = max(float(np.abs(np.array(run["scores"]) - s).max()) for run, s in zip(runs, true, strict=True))
    others = np.array([[row[0] for row in run["rows"]] for run in runs])
    return {
        "same_nearest_rows": bool(largest <= TIES and told <= TIES),
        "largest_difference_of_scores": max(largest, told),
        "samples_with_tied_nearest_rows_of_other_numbers": int((others != others[0]).any(axis=0).sum()),
    }


def ours(folder: Path, wanted: made_up.Vectors, cold: bool) -> dict[str, Any]:
    if cold:
        forget(folder.glob("shards/*/*.npy"))
        forget(folder.glob("engines/int8/*/*.npy"))
    before = read_from_storage()
    with Memory() as memory:
        index = open_index(folder)
        first, found = seconds(lambda: search(index, wanted[:, None], K))
        from_storage = read_from_storage() - before
        again, _ = seconds(lambda: search(index, wanted[:, None], K))
    with_codes = uses_codes(index)
    vectors = len(wanted) * (K + 4) + (count_rescored(index, wanted) if with_codes else index.rows)
    return {
        "first": first,
        "again": again,
        "rows": found.rows.tolist(),
        "scores": found.scores.tolist(),
        "from_storage": from_storage,
        "with_codes": with_codes,
        "vectors": vectors,
        "looked_at": (bytes_of_codes(index) if with_codes else 0) + vectors * bytes_of_a_vector(index),
        **memory.data(),
    }


def uses_codes(index: Index) -> bool:
    """Whether all shards are scanned by their codes: they are there, and this machine is fast at it."""
    return exact.integer_product() is not None and all(open_codes(index, shard) for shard in index.shards)


def count_rescored(index: Index, wanted: made_up.Vectors) -> int:
    """Stored vectors that a search by codes looks at; a vector counts once."""
    counted, checksums = [], coded.row_checksums

    def counting(stored: Any) -> Any:
        counted.append(len(stored))
        return checksums(stored)

    with patch.object(coded, "row_checksums", counting):
        search(index, wanted[:, None], K)
    return sum(counted)


def bytes_of_codes(index: Index) -> int:
    """Bytes of all files of the codes of an index."""
    codes = [open_codes(index, shard) for shard in index.shards]
    return sum(path.stat().st_size for found in codes if found for path in found.folder.iterdir())


def bytes_of_a_vector(index: Index) -> int:
    return index.manifest.embedder.dim * np.dtype(index.manifest.dtype).itemsize


def with_faiss(folder: Path, wanted: made_up.Vectors, _: bool) -> dict[str, Any]:
    import faiss

    with Memory() as memory:
        flat = faiss.IndexFlatIP(wanted.shape[1])
        for shard in open_index(folder).shards:
            flat.add(np.ascontiguousarray(shard.embeddings()[0][:, 0], np.float32))
        first, (scores, rows) = seconds(lambda: flat.search(wanted, K))
        again, _ = seconds(lambda: flat.search(wanted, K))
    return {
        "first": first,
        "again": again,
        "rows": rows.tolist(),
        "scores": scores.tolist(),
        **memory.data(),
    }


if __name__ == "__main__":
    main()
