"""What a report adds to a gate that fails, and how large it gets.

    python benchmarks/report_cost.py [--samples 2000] [--matches 200] [--embedder sscd] [--runs 3]

A gate over made-up images (smooth noise, JPEG) of which some are training images, as one test: `pytest` with
and without --replication-report, in turn, each a process of its own. Medians of wall and CPU seconds and of
peak memory, and the bytes of the folder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import median, save, say
from PIL import Image

TEST = """
def test_gate(assert_no_replication):
    assert_no_replication("samples", threshold=0.95, canaries=0)
"""
TRAINING = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--matches", type=int, default=200)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--embedder", default="sscd")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--name", default="report_cost", help="Of the file of results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder, args.samples, args.matches, args.side)
        build = ["build", "training", "--out", "index", "--embedder", args.embedder]
        subprocess.run(
            [sys.executable, "-m", "pytest_replication.cli", *build], cwd=folder, check=True, stdout=-3
        )
        bare = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--replication-index=index"]
        pairs = []
        for number in range(args.runs + 1):  # the first fills the caches
            pairs.append((_run(bare, folder), _run([*bare, "--replication-report=report"], folder)))
            say(f"run {number} of {args.runs}: {pairs[-1]}")
        without, with_report = zip(*pairs[1:], strict=True)
        report = folder / "report"
        results = {
            "samples": args.samples,
            "matches": args.matches,
            "side": args.side,
            "embedder": args.embedder,
            "runs": args.runs,
            "without": _medians(without),
            "with_report": _medians(with_report),
            "added_share": {
                key: round(_medians(with_report)[key] / _medians(without)[key] - 1, 4)
                for key in _medians(without)
            },
            "bytes": {path.name: path.stat().st_size for path in sorted(report.iterdir()) if path.is_file()}
            | {"pictures": sum(path.stat().st_size for path in (report / "pictures").iterdir())},
            "pictures": len(list((report / "pictures").iterdir())),
        }
        save(args.name, results)


def _make(folder: Path, samples: int, matches: int, side: int) -> None:
    for below, first, count in (("training", 0, TRAINING), ("samples", TRAINING, samples - matches)):
        (folder / below).mkdir()
        for seed in range(first, first + count):
            noise = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
            image = Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)
            image.save(folder / below / f"{seed:06d}.jpg", quality=92)
    for number in range(matches):
        copy = folder / "samples" / f"copy-{number:06d}.jpg"
        with Image.open(folder / "training" / f"{number % TRAINING:06d}.jpg") as image:
            image.save(copy, quality=80 + number // TRAINING % 15)
    (folder / "test_gate.py").write_text(TEST)


def _run(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Wall and CPU seconds and peak MiB of a gate that fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 1:
        raise SystemExit(f"{command} ended with {process.returncode}, where the gate fails with 1")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _medians(runs: tuple[tuple[float, float, float], ...]) -> dict[str, float]:
    names = ("wall_seconds", "cpu_seconds", "peak_mib")
    return {name: round(median([run[place] for run in runs]), 2) for place, name in enumerate(names)}


if __name__ == "__main__":
    main()
