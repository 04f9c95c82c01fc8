"""How many edited copies are found at the paper's threshold, and how close unrelated photographs come.

    python benchmarks/edits.py                                  # the photographs in fixtures/
    python benchmarks/edits.py --photos DIR --name bsds500      # any folder: half indexed, half unrelated

Each edit is made of every indexed photograph. A copy counts as found when it reaches the threshold
and its nearest training image is its own original.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from measure import save
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, check_replication, open_index
from pytest_replication.images.edits import EDITS

FIXTURES = Path(__file__).parents[1] / "fixtures" / "photos"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="Folder of photographs (default: fixtures/)")
    parser.add_argument("--name", default="edits", help="Name of the results file")
    parser.add_argument("--preset", default="sscd-320")
    args = parser.parse_args()
    if args.photos:
        files = sorted(path for path in args.photos.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
        training, unrelated = files[::2], files[1::2]
    else:
        training, unrelated = (sorted((FIXTURES / part).glob("*.jpg")) for part in ("training", "unrelated"))
    with tempfile.TemporaryDirectory() as folder:
        build_index(training, folder, BuildOptions(preset=args.preset))
        index = open_index(folder)
        rows = {name: row(index, training, name) for name in EDITS}
        others = check_replication(unrelated, index=index)
    save(
        args.name,
        {
            "preset": args.preset,
            "threshold": others.policy.threshold,
            "training": len(training),
            "edits": rows,
            "unrelated": {
                "photographs": len(unrelated),
                "flagged": len(others.replicated),
                "highest_score": round(others.worst.score, 3),
            },
        },
    )


def row(index: Index, training: list[Path], name: str) -> dict[str, Any]:
    copies = []
    for path in training:
        with Image.open(path) as image:
            copies.append(EDITS[name](image.convert("RGB")))
    verdict = check_replication(copies, index=index)
    scores = sorted(match.score for match in verdict.matches.best)
    found = sum(match.row == match.sample for match in verdict.replicated)
    return {
        "found": round(found / len(copies), 3),
        "nearest_is_the_original": sum(m.row == m.sample for m in verdict.matches.best),
        "lowest_score": round(scores[0], 3),
        "median_score": round(scores[len(scores) // 2], 3),
    }


if __name__ == "__main__":
    main()
