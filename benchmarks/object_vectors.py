"""Do vectors of parts alone tell copies of a part? A second way, for parts that have few corners.

    python benchmarks/object_vectors.py --work FOLDER [--embedder sscd-distilled] [--first 24]

Takes the sets that `objects.py --work FOLDER --only-sets` makes. The score of a picture is the largest
cosine of any of its 14 views (the whole, 4 quarters, 9 ninths) with any of a training picture. The threshold
is that which 1 % of all negatives reach that show nothing of a training picture; a positive is found when it
lies above it and the right training picture is named. Printed: the share that is found of each row.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measure import save, say
from numpy.typing import NDArray
from objects import ROW, ROWS, Plan, made_of, related, threshold, truth_of

from pytest_replication.embedders import load_embedder
from pytest_replication.embedders.base import Embedder
from pytest_replication.images.decode import decode
from pytest_replication.images.parts import grid
from pytest_replication.images.views import WHOLE, cut

VIEWS = (*WHOLE, *grid("ninths"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--embedder", default="sscd-distilled", metavar="NAME")
    parser.add_argument("--first", type=int, default=24, metavar="N", help="Pictures of each row and side")
    args = parser.parse_args()
    plan = Plan(args.work, 0, 0, 0, args.first)
    embedder = load_embedder(args.embedder)
    training = sorted((plan.work / "training").rglob("*.png"))
    stored, left_out = vectors(embedder, training), related(plan)
    found, negatives = {}, []
    for row in ROWS:
        for side in ("positives", "negatives"):
            folder = plan.folder(row, side)
            truth = [one for one in truth_of(folder, args.first) if not left_out & made_of(plan, one)]
            asked = vectors(embedder, [folder / one["picture"] for one in truth])
            scores = np.einsum("qad,tbd->qtab", asked, stored, optimize=True).max(axis=(2, 3))
            if side == "negatives":
                negatives.append(scores.max(axis=1))
                continue
            named = [
                training[place].relative_to(plan.work / "training").as_posix()
                for place in scores.argmax(axis=1)
            ]
            right = np.array([name == one["source"] for name, one in zip(named, truth, strict=True)])
            found[row] = np.where(right, scores.max(axis=1), -1)
        say(row)
    limit = threshold(np.concatenate(negatives), ROW)
    shares = {row: round(float((scores > limit).mean()), 3) for row, scores in found.items()}
    save(
        "object-vectors",
        {"embedder": args.embedder, "first": args.first, "threshold": round(limit, 4), "found": shares},
    )


def vectors(embedder: Embedder, paths: Sequence[Path]) -> NDArray[np.float32]:
    """Vectors of all views of pictures: (n, views, dim)."""
    rows = []
    for first in range(0, len(paths), 4):
        images = [decode(path.read_bytes()) for path in paths[first : first + 4]]
        prepared = [embedder.prepare(view) for image in images for view in cut(image, VIEWS)]
        rows.append(embedder.embed(prepared).reshape(len(images), len(VIEWS), -1))
    return np.concatenate(rows)


if __name__ == "__main__":
    main()
