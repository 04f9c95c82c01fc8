"""Real images from end to end: build, verify, open again, search, and do all counts add up?

    python benchmarks/fashion_mnist.py [--root /usr/share/datasets/fashion-mnist] [--sscd-rows 5000]

Fashion-MNIST as IDX files. All training images are indexed with `pixels`, the first 5,000 with
`sscd`, by the command line. The test images are samples for both, and so are some of the indexed
images themselves, each of which has to be found with a score of 1. With sscd the 10,000 samples take
long; --sscd-samples takes fewer. Exit status 1 when something does not add up.
"""

from __future__ import annotations

import argparse
import gzip
import json
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measure import run, save, say, seconds, table
from numpy.typing import NDArray

from pytest_replication import Index, Matches, Samples, open_index
from pytest_replication.check import nearest

Images = NDArray[np.uint8]
TRAIN, TEST = "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"
STEPS = (0.5, 0.8, 0.9, 0.95, 0.99, 1.0)
COPIES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--samples", type=int, default=10_000, help="Test images for pixels")
    parser.add_argument("--sscd-rows", type=int, default=5000, help="0 leaves sscd out")
    parser.add_argument("--sscd-samples", type=int, default=10_000)
    parser.add_argument("--embedder-weights", metavar="PATH", help="Weights of sscd, if not in the cache")
    args = parser.parse_args()
    training, test = read(args.root / TRAIN), read(args.root / TEST)
    sscd = f"sscd:{args.embedder_weights}" if args.embedder_weights else "sscd"
    results: dict[str, Any] = {"training_images": len(training), "test_images": len(test)}
    with tempfile.TemporaryDirectory() as work:
        results["pixels"] = one("pixels", args.root / TRAIN, training, test[: args.samples], Path(work))
        if args.sscd_rows:
            part = training[: args.sscd_rows]
            file = Path(work, "part-images-idx3-ubyte.gz")
            write(file, part)
            results["sscd"] = one(sscd, file, part, test[: args.sscd_samples], Path(work))
    save("fashion_mnist", results)
    wrong = [
        f"{name}: {what}" for name in ("pixels", "sscd") for what in results.get(name, {}).get("wrong", [])
    ]
    print("\n" + table([{"embedder": n, **results[n]["scores"]} for n in ("pixels", "sscd") if n in results]))
    if wrong:
        raise SystemExit("does not add up: " + "; ".join(wrong))


def one(embedder: str, source: Path, training: Images, test: Images, work: Path) -> dict[str, Any]:
    """Build an index, look at it from all sides and search it."""
    folder = work / embedder.partition(":")[0]
    say(f"{folder.name}: building an index of {len(training)} images")
    built = call("build", f"idx:{source}", "--out", folder, "--embedder", embedder)
    verified = call("verify", folder)
    opening, index = seconds(lambda: open_index(folder))
    say(f"{folder.name}: searching {len(test)} samples")
    took, found = seconds(lambda: nearest(samples(test), index))
    copies = nearest(samples(training[:: max(1, len(training) // COPIES)]), index, 1)
    best = np.array([match.score for match in found.best])
    return {
        "rows": index.rows,
        "build_seconds": built["seconds"],
        "verify": {key: verified[key] for key in ("sound", "files", "bytes")},
        "open_seconds": round(opening, 4),
        "samples": len(test),
        "embed_and_search_seconds": round(took, 1),
        "scores": {
            **{f">= {step:g}": int((best >= step).sum()) for step in STEPS},
            "median": round(float(np.median(best)), 4),
            "highest": round(float(best.max()), 6),
        },
        "indexed_images_found_again": sum(match.score >= 1 for match in copies.best),
        "indexed_images_asked_for": len(copies.of),
        "wrong": [
            *(what for what, right in counts(index, built, training, verified).items() if not right),
            *(what for what, right in answers(index, found, len(test)).items() if not right),
            *(["an indexed image was not found again"] if copies_lost(copies) else []),
        ],
    }


def counts(
    index: Index, built: dict[str, Any], training: Images, verified: dict[str, Any]
) -> dict[str, bool]:
    """What has to hold of an index that was opened again."""
    manifest = index.manifest
    return {
        "the index lists all images": manifest.listed == built["listed"] == len(training),
        "listed = rows + rejected + removed": manifest.listed
        == index.rows + manifest.rejected + manifest.opted_out,
        "no image was rejected": manifest.rejected == built["rejected"]["count"] == 0,
        "the build told the same rows": built["rows"] == index.rows == len(index),
        "shards hold all rows": sum(len(shard.embeddings()[0]) for shard in index.shards) == index.rows,
        "verify finds no fault": verified["sound"] is True and verified["faults"] == [],
    }


def answers(index: Index, found: Matches, count: int) -> dict[str, bool]:
    """What has to hold of a search."""
    matches = [match for several in found.of for match in several]
    return {
        "every sample has an answer": len(found.of) == len(found.subject.samples) == count,
        "every row was searched": found.searched == index.rows,
        "every sample has its neighbours": all(len(several) == min(5, index.rows) for several in found.of),
        "every match names its sample": all(
            match.sample == number for number, several in enumerate(found.of) for match in several
        ),
        "every score is finite": bool(np.isfinite([match.score for match in matches]).all()),
        "every row is one of the index": all(0 <= match.row < index.rows for match in matches),
    }


def copies_lost(copies: Matches) -> bool:
    return not all(match.score >= 1 for match in copies.best)


def samples(images: Images) -> Samples:
    return Samples.of(images[..., None])


def call(*arguments: object) -> dict[str, Any]:
    program = Path(sys.executable).with_name("pytest-replication")
    done = run([program, *map(str, arguments), "--json"])
    found: dict[str, Any] = json.loads(done.output)
    return found


def read(path: Path) -> Images:
    """The (n, height, width) images of a gzipped IDX file."""
    with gzip.open(path) as file:
        magic, *shape = struct.unpack(">4I", file.read(16))
        pixels = np.frombuffer(file.read(), np.uint8)
    if magic != 0x803:
        raise SystemExit(f"{path} begins with {magic:08x}; an IDX file of images begins with 00000803")
    return pixels.reshape(shape)


def write(path: Path, images: Images) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(struct.pack(">4I", 0x803, *images.shape) + images.tobytes())


if __name__ == "__main__":
    main()
