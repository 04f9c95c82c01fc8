r"""How long does it take to look at a sample for copies of a part, beyond its vectors?

    pip install 'pytest-replication[bench,objects]'
    python benchmarks/object_speed.py [--training FOLDER] [--samples FOLDER] [--candidates 10] [--threads 2]

CPU time of one thread: local features of a sample; comparing them with those of one training image. CPU and
wall time of a sample with all its candidates: samples in as many threads as `find_objects` would use, which
should have as many each. Training images are looked at before, as `build --objects` does; a new one has to be
made ready to be compared, one that other samples had as a candidate lately is ready (`find_objects` keeps
them). The best of three runs counts; run it on idle cores.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: threads are those of samples

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measure import save
from PIL import Image

from pytest_replication.images.decode import decode
from pytest_replication.images.local import MOST, MOST_OF_A_SAMPLE
from pytest_replication.scoring.geometry import LocalImage, align

PHOTOS = Path(__file__).resolve().parents[1] / "fixtures" / "photos"
RUNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--training", type=Path, default=PHOTOS / "training")
    parser.add_argument("--samples", type=Path, default=PHOTOS / "unrelated")
    parser.add_argument("--candidates", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--first", type=int, default=10, help="samples that are looked at")
    parser.add_argument("--save", action="store_true", help="write results/object-speed.json")
    args = parser.parse_args()
    samples = opened(args.samples)[: args.first]
    training = [LocalImage.of(image, MOST) for image in opened(args.training)[: args.candidates]]
    if not samples or len(training) < args.candidates:
        parser.error(f"{len(samples)} samples, and {len(training)} of {args.candidates} training images")
    told = measured(samples, training, args.threads)
    for name, value in told.items():
        print(f"{name:28s} {value}")
    if args.save:
        save("object-speed", told)


def opened(folder: Path) -> list[Image.Image]:
    files = (path for path in sorted(folder.rglob("*")) if path.suffix in (".jpg", ".jpeg", ".png", ".webp"))
    return [decode(path.read_bytes()) for path in files]


def measured(
    samples: Sequence[Image.Image], training: Sequence[LocalImage], threads: int
) -> dict[str, float | int]:
    known = [theirs.prepare() for theirs in training]

    def look(image: Image.Image, candidates: Sequence[LocalImage]) -> None:
        mine = LocalImage.of(image, MOST_OF_A_SAMPLE).prepare()
        for theirs in candidates:
            align(mine, theirs)

    def all_samples(candidates: Sequence[LocalImage]) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda image: look(image, candidates), samples))

    looked = [LocalImage.of(image, MOST_OF_A_SAMPLE) for image in samples]
    ready = [mine.prepare() for mine in looked]

    def a_sample(clock: Callable[[], float], candidates: Sequence[LocalImage]) -> float:
        return milliseconds(best(clock, lambda: all_samples(candidates)) / len(samples))

    def a_pair(candidates: Sequence[LocalImage]) -> float:
        spent = best(time.process_time, lambda: [align(mine, one) for mine in ready for one in candidates])
        return milliseconds(spent / len(samples) / len(training))

    def features() -> None:
        for image in samples:
            LocalImage.of(image, MOST_OF_A_SAMPLE)

    return {
        "samples": len(samples),
        "candidates": len(training),
        "threads": threads,
        "features of a sample, median": statistics.median(len(mine.features) for mine in looked),
        "sift_cpu_ms": milliseconds(best(time.process_time, features) / len(samples)),
        "pair_cpu_ms": a_pair(training),
        "pair_known_cpu_ms": a_pair(known),
        "sample_cpu_ms": a_sample(time.process_time, training),
        "sample_known_cpu_ms": a_sample(time.process_time, known),
        "sample_wall_ms": a_sample(time.perf_counter, training),
        "sample_known_wall_ms": a_sample(time.perf_counter, known),
    }


def best(clock: Callable[[], float], work: Callable[[], object]) -> float:
    spent = []
    for _ in range(RUNS):
        started = clock()
        work()
        spent.append(clock() - started)
    return min(spent)


def milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)


if __name__ == "__main__":
    main()
