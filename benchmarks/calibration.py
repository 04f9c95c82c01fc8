"""What does a fixed threshold flag of real images, and what a calibrated one?

    python benchmarks/calibration.py --root /usr/share/datasets/fashion-mnist --photos BSDS500/images

Fashion-MNIST (IDX files): training images are indexed with `pixels` (all) and `sscd` (--sscd-rows), the test
images are split at random into two halves. The index is calibrated at 1 % with the first, and the second is
checked: at 0.5, and at the calibrated threshold. One split says little
about
1 %, so that the same is done over 200 random halves of all these scores. Copies are planted: every edit
that the
gate claims to find, of --planted training images. Photographs (any folder): the same with `sscd`, a half
indexed and a half unseen, and a quarter of a photograph pasted on another. Parts that are not asked for
keep their results.

`--stream INDEX HOLDOUT` calibrates and tells time and memory of it: the benchmark calls itself so, with
60,000 rows and 10,000 images.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fashion_mnist import TEST, TRAIN, read, write
from measure import RESULTS, Memory, child, save, say, table
from numpy.typing import NDArray
from PIL import Image

from pytest_replication import (
    BuildOptions,
    CalibrateOptions,
    Index,
    build_index,
    calibrate_index,
    check_replication,
    open_index,
)
from pytest_replication.controls import plant
from pytest_replication.images.edits import EDITS, Edit
from pytest_replication.stats.null import Null

FPR, FIXED = 0.01, 0.5
SPLITS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, help="Folder of Fashion-MNIST")
    parser.add_argument("--photos", type=Path, help="Folder of photographs")
    parser.add_argument("--rows", type=int, default=60_000, help="Training images for pixels, 0 for none")
    parser.add_argument("--holdout", type=int, default=10_000, help="Test images for pixels")
    parser.add_argument("--sscd-rows", type=int, default=5000, help="0 leaves sscd on Fashion-MNIST out")
    parser.add_argument("--sscd-holdout", type=int, default=2000)
    parser.add_argument(
        "--planted", type=int, default=100, help="Training images that are copied in each way"
    )
    parser.add_argument("--photo-embedder", default="sscd")
    parser.add_argument("--fpr", type=float, default=FPR)
    parser.add_argument("--name", default="calibration", help="Name of the results file")
    parser.add_argument("--stream", nargs=2, metavar=("INDEX", "HOLDOUT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stream:
        print(json.dumps(stream(*args.stream, args.fpr)))
        return
    results: dict[str, Any] = {**earlier(args.name), "fpr": args.fpr, "fixed": FIXED}
    with tempfile.TemporaryDirectory() as work:
        if args.photos:
            results["photographs"] = photographs(args, Path(work))
            save(args.name, results, show=False)
        if args.root and args.rows:
            results["fashion_pixels"] = fashion(args, "pixels", args.rows, args.holdout, Path(work))
            save(args.name, results, show=False)
        if args.root and args.sscd_rows:
            results["fashion_sscd"] = fashion(args, "sscd", args.sscd_rows, args.sscd_holdout, Path(work))
    save(args.name, results)
    shown = [(name, found) for name, found in results.items() if isinstance(found, dict)]
    print("\n" + table([summary(name, found) for name, found in shown]))
    for name, found in shown:
        print(f"\n{name}\n\n" + table(recalls(found)))


def earlier(name: str) -> dict[str, Any]:
    """Results of parts that an earlier run has measured."""
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    found.pop("machine", None)
    return found


def fashion(args: argparse.Namespace, embedder: str, rows: int, count: int, work: Path) -> dict[str, Any]:
    training = read(args.root / TRAIN)[:rows]
    test = np.random.default_rng(0).permutation(read(args.root / TEST))[:count]
    source = work / f"{embedder}-images-idx3-ubyte.gz"
    write(source, training)
    index = built(f"idx:{source}", work / embedder, embedder)
    first, second = np.array_split(test, 2)
    found = measure(args, index, first[..., None], second[..., None])
    chosen = np.linspace(0, rows - 1, min(args.planted, rows)).astype(int).tolist()
    copied = [(row, Image.fromarray(training[row]).convert("RGB")) for row in chosen]
    found["recall"] = recall(index, copied, EDITS, found["threshold"])
    if embedder == "pixels":
        whole = work / "unseen-images-idx3-ubyte.gz"
        write(whole, test)
        found["stream"] = child(__file__, "--fpr", args.fpr, "--stream", index.path, f"idx:{whole}")
    return found


def photographs(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    files = sorted(path for path in args.photos.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    training, unseen = files[::2], files[1::2]
    index = built(training, work / "photographs", args.photo_embedder)
    mixed = [unseen[place] for place in np.random.default_rng(0).permutation(len(unseen))]
    half = len(mixed) // 2
    found = measure(args, index, mixed[:half], mixed[half:])
    copied = [
        (row, photo(training[row])) for row in range(0, len(training), -(-len(training) // args.planted))
    ]
    ways = {**EDITS, "quarter-patch": quarter_patch(unseen), "quarter-inset": quarter_inset(unseen)}
    found["recall"] = recall(index, copied, ways, found["threshold"])
    return found


def built(source: object, folder: Path, embedder: str) -> Index:
    say(f"{folder.name}: building an index with {embedder}")
    build_index(source, folder, BuildOptions(embedder=embedder))
    return open_index(folder)


def measure(args: argparse.Namespace, index: Index, first: Any, second: Any) -> dict[str, Any]:
    """Calibrate with one half of the unseen images, judge the other."""
    say(f"{index.path.name}: calibrating")
    holdout: object = first
    if isinstance(first, np.ndarray):
        holdout = index.path.parent / f"{index.path.name}-half.npy"
        np.save(holdout, np.repeat(first, 3, axis=3))
        holdout = f"npy:{holdout}"
    calibration = calibrate_index(index, CalibrateOptions(holdout, fpr=args.fpr, copies_from=1.1))
    ready = open_index(index.path)
    say(f"{index.path.name}: checking the other half")
    verdict = check_replication(second, index=ready, top_k=1, canaries=0)
    scores = np.array([match.score for match in verdict.matches.best])
    everything = np.concatenate([calibration.scores, scores])
    return {
        "rows": index.rows,
        "calibrated_with": len(calibration),
        "checked": len(scores),
        "threshold": calibration.threshold,
        "highest": float(everything.max()),
        "median": round(float(np.median(everything)), 4),
        "of_95_or_more": share(everything >= 0.95),
        "flagged_fixed": share(scores >= FIXED),
        "flagged_calibrated": len(verdict.replicated) / len(scores),
        "control_p": calibration.control.p,
        "splits": splits(everything, args.fpr),
    }


def splits(scores: NDArray[np.float64], fpr: float) -> dict[str, Any]:
    """What random halves of all scores flag of each other."""
    rng, flagged = np.random.default_rng(1), []
    for _ in range(SPLITS):
        mixed = rng.permutation(scores)
        null, judged = Null.of(mixed[: len(mixed) // 2]), mixed[len(mixed) // 2 :]
        flagged.append(share(judged >= null.threshold(fpr)))
    low, high = np.quantile(flagged, [0.025, 0.975])
    return {
        "count": SPLITS,
        "mean": round(float(np.mean(flagged)), 5),
        "middle_95": [round(float(low), 5), round(float(high), 5)],
    }


def recall(
    index: Index, copied: Sequence[tuple[int, Image.Image]], ways: Mapping[str, Edit], threshold: float
) -> dict[str, dict[str, float]]:
    """Share of planted copies that are found, each at the fixed and at the calibrated threshold."""
    say(f"{index.path.name}: planting {len(copied)} x {len(ways)} copies")
    planted = plant(index, copied, edits=ways)
    fixed, calibrated = planted.recall(FIXED), planted.recall(threshold)
    return {
        name: {
            "planted": fixed[name][1],
            "fixed": fixed[name][0] / fixed[name][1],
            "calibrated": calibrated[name][0] / calibrated[name][1],
        }
        for name in ways
    }


def quarter_patch(backgrounds: Sequence[Path]) -> Edit:
    """Paste the middle of a photograph, half its width and height, on another one."""

    def cut(image: Image.Image) -> Image.Image:
        width, height = image.size
        return image.crop((width // 4, height // 4, width // 4 + width // 2, height // 4 + height // 2))

    return _pasted(backgrounds, cut)


def quarter_inset(backgrounds: Sequence[Path]) -> Edit:
    """Paste a whole photograph, shrunk to half its width and height, on another one."""
    return _pasted(backgrounds, lambda image: image.resize((image.width // 2, image.height // 2)))


def _pasted(backgrounds: Sequence[Path], part: Edit) -> Edit:
    under, rng = itertools.cycle(backgrounds), np.random.default_rng(0)

    def edit(image: Image.Image) -> Image.Image:
        scene, small = photo(next(under)).resize(image.size), part(image)
        left = int(rng.integers(0, image.width - small.width + 1))
        top = int(rng.integers(0, image.height - small.height + 1))
        scene.paste(small, (left, top))
        return scene

    return edit


def stream(index: str, holdout: str, fpr: float) -> dict[str, Any]:
    """Calibrate in this process, and tell what it takes."""
    opened = open_index(index)
    started, cpu = time.perf_counter(), time.process_time()
    with Memory() as memory:
        found = calibrate_index(opened, CalibrateOptions(holdout, fpr=fpr, copies_from=1.1, restart=True))
    return {
        "rows": opened.rows,
        "images": found.listed,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "load_before": round(os.getloadavg()[0], 1),
        **memory.data(),
    }


def summary(name: str, found: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in found["recall"] if not kind.startswith("quarter")]
    fixed, calibrated = (
        np.mean([found["recall"][kind][rule] for kind in kinds]) for rule in ("fixed", "calibrated")
    )
    return {
        "set": name,
        "training images": found["rows"],
        "unseen": found["calibrated_with"] + found["checked"],
        "flagged at 0.5": percent(found["flagged_fixed"]),
        "calibrated threshold": round(found["threshold"], 4),
        "flagged": percent(found["flagged_calibrated"]),
        "over 200 halves": percent(found["splits"]["mean"]),
        "copies found at 0.5": percent(fixed),
        "copies found, calibrated": percent(calibrated),
    }


def recalls(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"copies": kind, "found at 0.5": percent(row["fixed"]), "calibrated": percent(row["calibrated"])}
        for kind, row in found["recall"].items()
    ]


def share(flags: NDArray[np.bool_]) -> float:
    return float(np.mean(flags))


def percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def photo(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


if __name__ == "__main__":
    sys.exit(main())
