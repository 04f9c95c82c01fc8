"""How long do split products take over tokens on disk, corresponding chunks and any two?

    python benchmarks/split.py [--images 10000] [--chunks 197] [--length 768] [--queries 1 4 16]

Random tokens of 16 bits are written to a file of their own (3 GB at the sizes above; `--keep FILE`
keeps it) and memory-mapped, each score in a process of its own. One of the queries is a stored image
with noise: it has to come out first. Cross products are a chunk count times as much arithmetic, so
`--cross-images` may let them look at fewer.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measure import Memory, child, median, save, say, seconds, table

from pytest_replication.scoring import cross_split_product, split_product

PRODUCTS = {"split": split_product, "cross": cross_split_product}
_AT_ONCE = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--cross-images", type=int, help="default: all")
    parser.add_argument("--chunks", type=int, default=197)
    parser.add_argument("--length", type=int, default=768)
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--norm", default="chunk")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, metavar="FILE")
    parser.add_argument(
        "--child", nargs=4, metavar=("SCORE", "FILE", "IMAGES", "QUERIES"), help=argparse.SUPPRESS
    )
    args = parser.parse_args()
    if args.child:
        score, file, images, queries = args.child
        print(json.dumps(measure(score, Path(file), int(images), int(queries), args.norm, args.runs)))
        return
    with tempfile.TemporaryDirectory(dir=args.keep.parent if args.keep else None) as work:
        file = args.keep or Path(work) / "tokens.npy"
        shape = (args.images, args.chunks, args.length)
        write(file, shape)
        rows = []
        for score in PRODUCTS:
            images = args.images if score == "split" else args.cross_images or args.images
            for queries in args.queries:
                say(f"{score}, {queries} queries")
                options = ("--norm", args.norm, "--runs", args.runs)
                rows.append(child(__file__, "--child", score, file, images, queries, *options))
    save("split", {"shape": shape, "bytes": 2 * int(np.prod(shape)), "norm": args.norm, "scores": rows})
    print("\n" + table(rows))
    if not all(row["planted_first"] for row in rows):
        raise SystemExit("a stored image with noise did not come out first")


def write(file: Path, shape: tuple[int, int, int]) -> None:
    """Write random tokens, unless the file holds some of this shape."""
    if file.exists():
        if np.load(file, mmap_mode="r", allow_pickle=False).shape != shape:
            raise SystemExit(f"{file} holds something else: delete it, or name another file")
        return
    rng = np.random.default_rng(0)
    out = np.lib.format.open_memmap(file, "w+", np.float16, shape)
    for first in range(0, len(out), _AT_ONCE):
        block = out[first : first + _AT_ONCE]
        block[:] = rng.standard_normal(block.shape, np.float32)
    out.flush()


def measure(score: str, file: Path, images: int, queries: int, norm: str, runs: int) -> dict[str, Any]:
    """Score queries against the first images of a file: the first run, and the median of all."""
    stored = np.load(file, mmap_mode="r", allow_pickle=False)[:images]
    rng = np.random.default_rng(1)
    wanted = rng.standard_normal((queries, *stored.shape[1:]), np.float32)
    planted = len(stored) // 2
    wanted[0] = stored[planted] + 0.5 * wanted[0]
    with Memory() as memory:
        results = [seconds(lambda: PRODUCTS[score](stored, wanted, norm)) for _ in range(runs)]
    found = results[0][1]
    return {
        "score": score,
        "images": len(stored),
        "queries": queries,
        "first_seconds": round(results[0][0], 3),
        "seconds": round(median([took for took, _ in results]), 3),
        "pairs_a_second": round(found.size / median([took for took, _ in results])),
        "planted_first": bool(found[:, 0].argmax() == planted),
        **memory.data(),
    }


if __name__ == "__main__":
    main()
