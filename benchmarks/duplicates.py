"""Does `find_duplicates` find all duplicates of an index that are known, and what does it take?

    python benchmarks/duplicates.py [--rows 1000000] [--threshold 0.95] [--keep FOLDER]

The search is a process of its own. Of each group of copies that was made up all cosines are computed
in float64; two of a group may lie below the threshold. An image is counted right when it is told as
often as that says; cosines closer to the threshold than rounding may count or not.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import made_up
import numpy as np
from measure import Memory, child, save, seconds, table
from numpy.typing import NDArray

from pytest_replication import Index, open_index
from pytest_replication.index.duplicates import Duplicates
from pytest_replication.search.duplicates import find_duplicates
from pytest_replication.search.vectors import take

ROUNDING = {"<f4": 3e-6, "<f2": 1e-4}
EXACT = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    made_up.add_options(parser)
    parser.add_argument("--threshold", type=float, default=0.95)
    parser.add_argument("--child", nargs=2, metavar=("INDEX", "OUT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(find(Path(args.child[0]), Path(args.child[1]), args.threshold)))
        return
    recipe = made_up.recipe_of(args)
    with made_up.made_up(recipe, args.keep) as (index, work):
        out = work / "found.npz"
        spent = child(__file__, "--child", index.path, out, "--threshold", args.threshold)
        with np.load(out, allow_pickle=False) as stored:
            columns = [stored[name] for name in ("rows", "leaders", "copies", "exact")]
        told = compare(index, made_up.read_truth(index), Duplicates(args.threshold, *columns))
        save("duplicates", {"rows": index.rows, "dim": recipe.dim, **spent, **told})
    print("\n" + table([{"rows": index.rows, **spent, **told}]))
    if told["pairs_missed"] or told["images_told_wrong"] or told["images_outside_the_groups"]:
        raise SystemExit("not all duplicates are as they were made up")


def find(folder: Path, out: Path, threshold: float) -> dict[str, Any]:
    with Memory() as memory:
        index = open_index(folder)
        took, found = seconds(lambda: find_duplicates(index, threshold))
    np.savez(out, rows=found.rows, leaders=found.leaders, copies=found.copies, exact=found.exact)
    return {"seconds": round(took, 1), **memory.data()}


@dataclass(slots=True)
class Tally:
    """What comparing all groups adds up to."""

    groups_with_duplicates: int = 0
    groups_found: int = 0
    images_with_duplicates: int = 0
    images_found: int = 0
    images_told_wrong: int = 0
    pairs: int = 0
    pairs_missed: int = 0

    def add(self, right: Group) -> None:
        """Take in the comparison of a group."""
        wanted, found = right.certain > 1, right.copies > 1
        self.groups_with_duplicates += bool(wanted.any())
        self.groups_found += bool(wanted.any() and found[wanted].all())
        self.images_with_duplicates += int(wanted.sum())
        self.images_found += int((wanted & found).sum())
        self.images_told_wrong += int((~right.as_it_should_be).sum())
        # Each pair is counted with both of its images.
        self.pairs += int((right.certain - 1).sum()) // 2
        self.pairs_missed += -(-int(np.maximum(right.certain - right.copies, 0).sum()) // 2)


@dataclass(frozen=True, slots=True)
class Group:
    """The images of a group: what was told of each, and what should have been.

    Attributes:
        certain: images, itself included, that surely reach the threshold.
        copies: images that were told.
        as_it_should_be: whether copies, exact copies and the leader are right.
    """

    certain: NDArray[np.int64]
    copies: NDArray[np.int64]
    as_it_should_be: NDArray[np.bool_]


def compare(index: Index, truth: made_up.Truth, found: Duplicates) -> dict[str, Any]:
    """Compare what was found with what was made up, group by group."""
    order = np.argsort(truth.groups, kind="stable")
    starts = np.flatnonzero(np.diff(truth.groups[order], prepend=-1))
    tally = Tally()
    for rows in np.split(truth.rows[order], starts[1:]):
        tally.add(group(index, np.sort(rows), found))
    told = {field.name: getattr(tally, field.name) for field in fields(tally)}
    return {
        "threshold": found.threshold,
        "groups_made": len(starts),
        "groups_told": found.groups,
        "images_made": len(truth.rows),
        "images_told": len(found.rows),
        "images_outside_the_groups": len(np.setdiff1d(found.rows, truth.rows)),
        **told,
        "recall_of_pairs": 1 - tally.pairs_missed / tally.pairs if tally.pairs else None,
    }


def group(index: Index, rows: NDArray[np.int64], found: Duplicates) -> Group:
    """Compute all cosines of a group and compare."""
    vectors = take(index, rows)
    scores, near = vectors @ vectors.T, ROUNDING[index.manifest.dtype]
    np.fill_diagonal(scores, np.inf)  # each image is its own, whatever the threshold
    certain = (scores >= found.threshold + near).sum(axis=1)
    possible = (scores >= found.threshold - near).sum(axis=1)
    same = (scores >= 1 - EXACT).sum(axis=1)
    places = np.searchsorted(found.rows, rows).clip(max=max(0, len(found.rows) - 1))
    there = found.rows[places] == rows if len(found.rows) else np.zeros(len(rows), bool)
    copies, exact, leaders = np.ones_like(rows), np.ones_like(rows), rows.copy()
    copies[there], exact[there] = found.copies[places[there]], found.exact[places[there]]
    leaders[there] = found.leaders[places[there]]
    own = np.searchsorted(rows, leaders).clip(max=len(rows) - 1)
    led = (rows[own] == leaders) & (scores[np.arange(len(rows)), own] >= found.threshold - near)
    return Group(certain, copies, (copies >= certain) & (copies <= possible) & (exact == same) & led)


if __name__ == "__main__":
    main()
