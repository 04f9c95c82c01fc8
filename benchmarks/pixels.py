"""What does the scan of pixels cost, what do its rules flag, and which images count as next to nothing?

    python benchmarks/pixels.py [--photos FOLDER ...] [--index INDEX] [--samples 1000]

Fashion-MNIST: 60,000 training images of 28 x 28 are stored whole (`--index` names an index that was
built before, with `--pixels 28`), and test images, which no model has copied, are samples, with planted
copies beside them: exact ones, and some with noise. The scan is measured in a process of its own. Low
information is counted among photographs (`--photos`, any number of folders), Fashion-MNIST and made-up
blank images; of the latter the scores that `sscd` gives to pairs of different ones, which is why these do not
count, and how much edited copies and different ones have in common.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import math
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from measure import Memory, child, median, save, say, seconds, table
from PIL import Image, ImageFilter, ImageOps

from pytest_replication import BuildOptions, Samples, build_index, load_embedder, open_index
from pytest_replication.extraction_verdicts import RULES, ExtractionPolicy, judge_extraction
from pytest_replication.images.complexity import low_information, measure_complexity
from pytest_replication.images.decode import decode
from pytest_replication.scoring.alike import alike
from pytest_replication.search.evidence import CLEAR
from pytest_replication.search.extraction import match_pixels, square_samples
from pytest_replication.search.pixels import search_pixels, take_pixels

TRAIN, TEST = "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"
SIDE = 28
PLANTED = 100
PHOTOS = Path(__file__).parents[1] / "fixtures" / "photos"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--photos", type=Path, nargs="*", default=[])
    parser.add_argument("--index", type=Path)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("INDEX", "K"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    test = read(args.root / TEST)[: args.samples]
    if args.child:
        print(json.dumps(scan(Path(args.child[0]), test, int(args.child[1]), args.runs)))
        return
    with tempfile.TemporaryDirectory() as work:
        index = args.index or Path(work) / "index"
        if args.index is None:
            say("building")
            options = BuildOptions(embedder="pixels", pixels=SIDE)
            build_index(f"idx:{args.root / TRAIN}", index, options)
        scans = []
        for k in (1, 100):
            say(f"scan, {k} nearest")
            rest = ("--root", args.root, "--samples", args.samples, "--runs", args.runs)
            scans.append(child(__file__, "--child", index, k, *rest))
        say("rules")
        flagged = rules(index, test)
    say("low information")
    blank = made_up()
    low = [
        counted("photographs", photographs([PHOTOS, *args.photos])),
        counted("Fashion-MNIST, test", map(Image.fromarray, read(args.root / TEST))),
        counted("made up: one colour, gradients, near-blank", blank.values()),
    ]
    results = {
        "rows": 60_000,
        "side": SIDE,
        "samples": len(test),
        "scan": scans,
        "rules": flagged,
        "low_information": low,
        "sscd_of_blank_pairs": blank_scores(blank),
        "alike": correlations(blank),
        "milliseconds": costs(),
    }
    save("pixels", results)
    for rows in (scans, flagged, low, [results["milliseconds"]]):
        print("\n" + table(rows))


def read(path: Path) -> np.ndarray:
    """Images of an IDX file: (n, 28, 28, 3) uint8."""
    data = gzip.decompress(path.read_bytes())
    grey = np.frombuffer(data[16:], np.uint8).reshape(-1, SIDE, SIDE, 1)
    return grey.repeat(3, axis=3)


def scan(path: Path, samples: np.ndarray, k: int, runs: int) -> dict[str, Any]:
    """Find the nearest rows of all samples: the first run, which compares checksums, and the median."""
    index = open_index(path)
    with Memory() as memory:
        started = time.process_time()
        took = [seconds(lambda: search_pixels(index, samples, k))[0] for _ in range(runs)]
        spent = time.process_time() - started
    pairs = len(samples) * index.rows
    return {
        "neighbours": k,
        "first_seconds": round(took[0], 2),
        "seconds": round(median(took), 2),
        "cpu_seconds": round(spent / runs, 2),
        "million_pairs_a_second": round(pairs / median(took) / 1e6, 1),
        **memory.data(),
    }


def rules(path: Path, test: np.ndarray) -> list[dict[str, Any]]:
    """Share of samples that each rule flags at its default limit: test images, and planted copies."""
    index, rng = open_index(path), np.random.default_rng(0)
    rows = rng.choice(index.rows, PLANTED, replace=False)
    exact = take_pixels(index, rows)
    noisy = [np.clip(exact + rng.normal(0, s, exact.shape), 0, 255).astype(np.uint8) for s in (5, 15)]
    kinds = {
        "test images": test,
        "exact copies": exact,
        "noise of 5": noisy[0],
        "noise of 15": noisy[1],
    }
    flagged = []
    matches = {kind: match_pixels(index, Samples.of(images)) for kind, images in kinds.items()}
    for rule in RULES:
        policy = ExtractionPolicy.of(rule, None)
        row: dict[str, Any] = {"rule": rule, "limit": round(policy.limit, 3)}
        for kind, found in matches.items():
            verdict = judge_extraction(found, policy)
            row[kind] = round(len(verdict.extracted) / verdict.samples, 4)
            if verdict.undecided:
                row[f"{kind}, undecided"] = len(verdict.undecided)
        flagged.append(row)
    return flagged


def photographs(folders: Iterable[Path]) -> Iterable[Image.Image]:
    for folder in folders:
        for path in sorted(folder.rglob("*.jpg")):
            yield decode(path.read_bytes())


def made_up() -> dict[str, Image.Image]:
    """Blank images of 256 x 256, each another one."""
    found: dict[str, Image.Image] = {}
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    for name, colour in (("white", 255), ("black", 0), ("grey", 128)):
        found[name] = Image.new("RGB", (256, 256), (colour,) * 3)
    rng = np.random.default_rng(0)
    for number in range(20):
        first, last = rng.integers(0, 256, (2, 3))
        along = (x * math.cos(number) + y * math.sin(number) + 1.5) / 3
        pixels = first * (1 - along[..., None]) + last * along[..., None]
        found[f"gradient {number}"] = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    for number in range(20):
        page = Image.new("RGB", (256, 256), "white")
        left, top = rng.integers(0, 220, 2).tolist()
        page.paste((0, 0, 0), (left, top, left + 6 + number, top + 6 + number))
        found[f"page {number}"] = page
    return found


def counted(name: str, images: Iterable[Image.Image]) -> dict[str, Any]:
    said = [low_information(image.convert("RGB")) for image in images]
    return {"images": name, "n": len(said), "low": sum(why is not None for why in said)}


def blank_scores(images: dict[str, Image.Image]) -> dict[str, Any]:
    """Scores of sscd for pairs of different images, of a kind each."""
    embedder = load_embedder("sscd")
    vectors = np.concatenate([embedder.embed([embedder.prepare(image)]) for image in images.values()])
    kinds = np.array([name.partition(" ")[0] for name in images])
    found = {}
    for kind in ("gradient", "page"):
        here = vectors[kinds == kind]
        scores = [float(a @ b) for a, b in itertools.combinations(here, 2)]
        share = float(np.mean(np.array(scores) >= 0.5))
        found[kind] = {
            "pairs": len(scores),
            "share_at_0.5": round(share, 3),
            "highest": round(max(scores), 3),
        }
    return found


def moved(image: Image.Image) -> Image.Image:
    ground = Image.new(
        "RGB", image.size, tuple(np.median(np.asarray(image), axis=(0, 1)).astype(int).tolist())
    )
    ground.paste(image, (8, 6))
    return ground


EDITS: dict[str, Any] = {
    "dim": lambda image: image.point(lambda v: int(v * 0.3)),
    "faint": lambda image: image.point(lambda v: int(v * 0.3 + 120)),
    "mirrored": ImageOps.mirror,
    "turned": lambda image: image.rotate(90),
    "moved": moved,
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "cut": lambda image: image.crop((20, 20, 236, 236)),
    "moved, mirrored, dim": lambda image: ImageOps.mirror(moved(image)).point(lambda v: int(v * 0.3)),
}


def correlations(images: dict[str, Image.Image]) -> dict[str, Any]:
    """What copies of blank images have in common with them, at least, and different ones with each other."""
    named = list(images.items())[::2]
    squares = {name: np.asarray(image.resize((256, 256))) for name, image in named}

    def cut(image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((256, 256)))

    copies = {
        edit: round(min(alike(cut(change(image)), squares[name]) for name, image in named), 3)
        for edit, change in EDITS.items()
    }
    others: dict[str, list[float]] = {}
    for (a, one), (b, other) in itertools.combinations(squares.items(), 2):
        kinds = {a.partition(" ")[0], b.partition(" ")[0]}
        if kinds <= {"gradient", "page"}:
            others.setdefault(" and ".join(sorted(kinds)), []).append(alike(one, other))
    pairs = {
        kind: {"pairs": len(found), "lowest": round(min(found), 3), "cleared": sum(v <= CLEAR for v in found)}
        for kind, found in others.items()
    }
    return {"limit": CLEAR, "lowest_of_copies": copies, "different": pairs}


def costs() -> dict[str, Any]:
    """Milliseconds a photograph, 512 pixels on its long side, and of the embedding that it goes with."""
    images = []
    for image in itertools.islice(photographs([PHOTOS]), 31):
        image.thumbnail((512, 512))
        images.append(image)
    embedder = load_embedder("sscd")

    def each(work: Any) -> float:
        return round(1000 * median([seconds(lambda i=i: work(i))[0] for i in images]), 2)

    return {
        "low_information": each(low_information),
        "complexity": each(measure_complexity),
        "square_512": each(lambda image: square_samples(Samples.of([image]), 512)),
        "sscd": each(lambda image: embedder.embed([embedder.prepare(image)])),
    }


if __name__ == "__main__":
    main()
