"""What sixteen canaries add to a gate of 256 samples.

    python benchmarks/canaries.py [--embedder sscd pixels] [--runs 3]

The photographs in fixtures/ are indexed and eight edited copies of each are planted; the samples are
crops of unrelated photographs, 512 pixels wide. CPU seconds of a check with and without the control,
in turn: most of it is the embedder, which sees 272 images for 256.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import median, save
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, check_replication, open_index
from pytest_replication.controls import plant, store_canaries
from pytest_replication.index.originals import Originals

FIXTURES = Path(__file__).parents[1] / "fixtures" / "photos"
THRESHOLDS = {"sscd": 0.5, "pixels": 0.9}
SAMPLES = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedder", nargs="+", default=list(THRESHOLDS), choices=THRESHOLDS)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    samples = crops()
    save("canaries", {name: cost(name, samples, args.runs) for name in args.embedder})


def crops() -> list[Image.Image]:
    """Crops of half the size of unrelated photographs."""
    photos = []
    for path in sorted((FIXTURES / "unrelated").glob("*.jpg")):
        with Image.open(path) as image:
            photos.append(image.convert("RGB"))
    rng, found = np.random.default_rng(0), []
    for number in range(SAMPLES):
        photo = photos[number % len(photos)]
        left, top = (int(rng.integers(0, side // 2)) for side in photo.size)
        box = (left, top, left + photo.width // 2, top + photo.height // 2)
        found.append(photo.resize((512, round(512 * photo.height / photo.width)), box=box))
    return found


def cost(embedder: str, samples: list[Image.Image], runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        build_index(FIXTURES / "training", folder, BuildOptions(embedder=embedder))
        index = open_index(folder)
        before = time.process_time()
        planted = plant(index, Originals(index, index.rows))
        planting = time.process_time() - before
        stored = store_canaries(index, planted, THRESHOLDS[embedder])
        index = open_index(folder)
        check(index, samples[:16], embedder, 16)  # the embedder is loaded and proved
        pairs = [[check(index, samples, embedder, count) for count in (0, 16)] for _ in range(runs)]
        size = index.manifest.canaries.file.bytes if index.manifest.canaries else 0
    return {
        "threshold": THRESHOLDS[embedder],
        "planted": stored.tried,
        "found": stored.found,
        "planting_cpu_seconds": round(planting, 2),
        "canaries_kept": len(stored.kept),
        "canaries_megabytes": round(size / 1e6, 2),
        "samples": SAMPLES,
        "without_cpu_seconds": round(median([bare for bare, _ in pairs]), 2),
        "with_16_cpu_seconds": round(median([guarded for _, guarded in pairs]), 2),
        "added_share": round(median([guarded / bare - 1 for bare, guarded in pairs]), 4),
    }


def check(index: Index, samples: list[Image.Image], embedder: str, canaries: int) -> float:
    before = time.process_time()
    verdict = check_replication(samples, THRESHOLDS[embedder], index=index, canaries=canaries)
    assert verdict.control.found == canaries
    return time.process_time() - before


if __name__ == "__main__":
    main()
