"""How well do screens tell duplicated captions from others, on a model that has both?

    python benchmarks/screens.py [--model fixtures/models/stamps] [--captions fixtures/stamps/pictures.jsonl]

The model was trained on captioned stamps, some of them 40 times in the training set. Each screen scores the
captions of these, captions of stamps that are there once, and texts of the same form about things that no
stamp shows. AUC is the probability that a duplicated caption scores higher than one of the others, with 95
% bounds (Hanley and McNeil; Newcombe, method 5). Found is the share of the duplicated captions that are
flagged where the others are the clean prompts and 5 % of them may be flagged, with the bounds of Clopper
and Pearson.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import save
from numpy.typing import NDArray

from pytest_replication.screens.options import ScreenOptions
from pytest_replication.screens.prompts import plain
from pytest_replication.screens.registry import SCREENS, named
from pytest_replication.screens.run import open_denoiser
from pytest_replication.screens.trace import score_prompts
from pytest_replication.stats.intervals import lower_bound, upper_bound
from pytest_replication.stats.null import Null, needed
from pytest_replication.stats.twosample import mann_whitney

ROOT = Path(__file__).parents[1]
FPR = 0.05
CONFIDENCE = 0.95
ONCE, NEVER = "in the training set once", "not in the training set"
UNSEEN = """
    walrus abacus anvil hammock periscope lawnmower toaster wheelbarrow telescope typewriter
    stethoscope hourglass lighthouse pagoda igloo wigwam gondola tandem unicycle rickshaw hovercraft
    tugboat kayak parachute glider toboggan stopwatch thermometer barometer sextant gramophone
    accordion xylophone bagpipe theremin metronome trombone corkscrew colander teaspoon thimble
    crowbar sickle pitchfork scarecrow haystack dovecote drawbridge portcullis gargoyle chandelier
    candlestick bookcase wardrobe cradle rocking-horse pinwheel marionette boomerang javelin
    trampoline surfboard snorkel scaffold turnstile escalator satchel briefcase monocle bonnet
    moccasin kimono poncho wolverine meerkat tapir ocelot
""".split()  # noqa: SIM905
"""Things that no stamp shows; words of the captions' own are left out."""


@dataclass(frozen=True)
class Captions:
    """Captions by how often their picture was in the training set."""

    duplicated: list[str]
    once: list[str]
    never: list[str]


def read(path: Path, count: int) -> Captions:
    """All duplicated captions, and `count` others of either kind."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    known = [plain(row["caption"]) for row in rows]
    duplicated = [row["caption"] for row in rows if row["copies"] > 1]
    alone = [row["caption"] for row in rows if known.count(plain(row["caption"])) == 1 == row["copies"]]
    drawn = np.random.default_rng(0).permutation(len(alone))[:count]
    words = {word.strip(".") for caption in known for word in caption.split()}
    never = [f"{'An' if word[0] in 'aeio' else 'A'} {word}." for word in UNSEEN if word not in words]
    return Captions(duplicated, [alone[number] for number in drawn], never[:count])


def compared(duplicated: NDArray[np.float64], others: NDArray[np.float64]) -> dict[str, Any]:
    """How far two sets of scores are apart."""
    found = mann_whitney(duplicated, others, CONFIDENCE)
    null = Null.of(others)
    row: dict[str, Any] = {
        "auc": round(found.superiority, 3),
        "auc_bounds": [round(found.lower, 3), round(found.upper, 3)],
        "others": len(others),
        "median_duplicated": float(f"{np.median(duplicated):.4g}"),
        "median_others": float(f"{np.median(others):.4g}"),
    }
    if len(others) >= needed(FPR):
        hits, n = int((null.p_values(duplicated) <= FPR).sum()), len(duplicated)
        tail = (1 + CONFIDENCE) / 2
        row["found"] = f"{hits} of {n}"
        row["found_bounds"] = [round(lower_bound(hits, n, tail), 3), round(upper_bound(hits, n, tail), 3)]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default=str(ROOT / "fixtures" / "models" / "stamps"))
    parser.add_argument("--captions", type=Path, default=ROOT / "fixtures" / "stamps" / "pictures.jsonl")
    parser.add_argument("--count", type=int, default=60, help="Others of either kind")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--batch", type=int, default=16)
    args = parser.parse_args()
    options = ScreenOptions(seeds=args.seeds, steps=args.steps, guidance=args.guidance, batch=args.batch)
    captions = read(args.captions, args.count)
    denoiser = open_denoiser(args.model, options)
    first = ScreenOptions(
        seeds=args.seeds, steps=args.steps, guidance=args.guidance, batch=args.batch, first=1
    )
    started, rows = time.perf_counter(), {}
    every = [*captions.duplicated, *captions.once, *captions.never]
    scores = score_prompts(denoiser, every, named(tuple(SCREENS), options), options)
    took = time.perf_counter() - started
    early = score_prompts(denoiser, every, named("noise-magnitude", first), first)
    scores["noise-magnitude, first step"] = early["noise-magnitude"]
    ends = np.cumsum([len(captions.duplicated), len(captions.once)])
    for name, found in scores.items():
        duplicated, once, never = np.split(found, ends)
        rows[name] = {ONCE: compared(duplicated, once), NEVER: compared(duplicated, never)}
    save(
        "screens",
        {
            "model": Path(os.path.relpath(args.model, ROOT)).as_posix(),
            "duplicated": len(captions.duplicated),
            "settings": {"seeds": args.seeds, "steps": args.steps, "guidance": args.guidance},
            "fpr": FPR,
            "prompts": len(every),
            "seconds": round(took),
            "screens": rows,
            "scores": {name: dict(zip(every, found.tolist(), strict=True)) for name, found in scores.items()},
        },
        show=False,
    )
    for name, row in rows.items():
        for others, told in row.items():
            low, high = told["auc_bounds"]
            auc = f"{told['auc']:.3f} ({low:.3f} to {high:.3f})"
            print(f"| {name} | {others} | {auc} | {told.get('found', '-')} |")


if __name__ == "__main__":
    main()
