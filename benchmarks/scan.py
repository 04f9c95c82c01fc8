"""The exact scan over rows on disk, beside faiss IndexFlatIP over the same rows in memory.

    pip install 'pytest-replication[bench]'
    python benchmarks/scan.py [--rows 1000000] [--samples 256] [--runs 5]

Both sides run as a process of their own, in turn. Ours opens the index and searches it, which
includes the checksum of every vector; faiss has its rows in memory before the clock starts. Memory
is the peak of the whole process, with the pages of the memory-mapped files that were resident.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import median, run, save

from pytest_replication import open_index
from pytest_replication.embedders import EmbedderSpec
from pytest_replication.images.decode import DECODER
from pytest_replication.images.views import WHOLE
from pytest_replication.index.manifest import FileEntry, Manifest, SourceEntry
from pytest_replication.index.shard import Record
from pytest_replication.index.writer import IndexWriter
from pytest_replication.search import search

DIM, SHARD, K = 512, 65536, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--side", choices=("ours", "faiss"), help=argparse.SUPPRESS)
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps({"ours": ours, "faiss": faiss}[args.side](args.index, args.samples)))
        return
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "index")
        write_index(index, args.rows)
        command = [sys.executable, __file__, "--index", str(index), "--samples", str(args.samples), "--side"]
        pairs = [
            tuple(json.loads(run([*command, side]).output) for side in ("ours", "faiss"))
            for _ in range(args.runs)
        ]
    same = all(a["best"] == b["best"] for a, b in pairs)
    save(
        "scan",
        {
            "rows": args.rows,
            "dim": DIM,
            "samples": args.samples,
            "runs": args.runs,
            "same_nearest_rows": same,
            "ours_seconds_median": round(median([a["seconds"] for a, _ in pairs]), 2),
            "faiss_in_memory_seconds_median": round(median([b["seconds"] for _, b in pairs]), 2),
            "ratio_median": round(median([a["seconds"] / b["seconds"] for a, b in pairs]), 2),
            "ours_again_without_checksum_seconds_median": round(median([a["again"] for a, _ in pairs]), 2),
            "ours_peak_mib": round(max(a["peak_mib"] for a, _ in pairs)),
            "faiss_peak_mib": round(max(b["peak_mib"] for _, b in pairs)),
        },
    )


def write_index(folder: Path, rows: int) -> None:
    """Write random unit rows as an index in the real format."""
    rng = np.random.default_rng(0)
    spec = EmbedderSpec("random", DIM, None, "none", "random")
    source = (SourceEntry("random", rows),)
    manifest = Manifest(spec, DECODER, WHOLE, "<f4", SHARD, "now", "0", FileEntry(0, "", ""), source)
    with IndexWriter(folder) as writer:
        (folder / "probe.npz").touch()
        writer.start(manifest)
        for first in range(0, rows, SHARD):
            n = min(SHARD, rows - first)
            records = [Record(f"{first + i}", f"{first + i}", "", 1, 1) for i in range(n)]
            writer.add_shard(unit(rng, n)[:, None], records, [], "")
        writer.finish(rows, 0)


def unit(rng: np.random.Generator, n: int) -> np.ndarray:
    rows = rng.standard_normal((n, DIM), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def queries(samples: int) -> np.ndarray:
    return unit(np.random.default_rng(1), samples)


def ours(folder: Path, samples: int) -> dict[str, object]:
    index, wanted = open_index(folder), queries(samples)[:, None]
    started = time.perf_counter()
    found = search(index, wanted, K)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    search(index, wanted, K)
    again = time.perf_counter() - started
    return {"seconds": seconds, "again": again, "best": found.rows[:, 0].tolist(), "peak_mib": peak_mib()}


def faiss(folder: Path, samples: int) -> dict[str, object]:
    import faiss

    flat = faiss.IndexFlatIP(DIM)
    for shard in open_index(folder).shards:
        flat.add(np.ascontiguousarray(shard.embeddings()[0][:, 0]))
    wanted = queries(samples)
    started = time.perf_counter()
    _, rows = flat.search(wanted, K)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "best": rows[:, 0].tolist(), "peak_mib": peak_mib()}


def peak_mib() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1024


if __name__ == "__main__":
    main()
