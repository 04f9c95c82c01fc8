"""Results of made-up runs, with pictures of real photographs, as large as a test wants them."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import random
from pathlib import Path
from typing import Any

from PIL import Image, ImageEnhance

PHOTOS = Path(__file__).parents[2] / "fixtures" / "photos"
_PROMPTS = (
    "a stream in a mossy forest, long exposure",
    "product photo of a cup of coffee on a wooden table, soft light",
    "portrait of an astronaut in front of a flag",
    "two dogs running over a meadow, backlit",
)


def picture(folder: Path, image: Image.Image) -> str:
    """Store a picture as a run does; its path from the folder."""
    return _written(folder, _encoded(image))


def _encoded(image: Image.Image) -> bytes:
    small = image.convert("RGB")
    small.thumbnail((384, 384))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=0)
    return buffer.getvalue()


def _written(folder: Path, content: bytes) -> str:
    name = f"pictures/{hashlib.sha256(content).hexdigest()[:40]}.webp"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


@functools.cache
def _photographs() -> list[tuple[bytes, bytes]]:
    """An edited copy and its original, of each photograph."""
    found = []
    for number, path in enumerate(sorted((PHOTOS / "training").glob("*.jpg"))):
        with Image.open(path) as image:
            theirs = image.convert("RGB")
        theirs.thumbnail((512, 512))
        wide, high = theirs.size
        ours = ImageEnhance.Color(theirs).enhance(0.8).crop((wide // 12, high // 14, wide - wide // 20, high))
        found.append((_encoded(ours.rotate(number % 3 - 1)), _encoded(theirs)))
    return found


def made(
    folder: Path, pairs: int, *, checks: int = 3, outcome: str = "fail", near: int = 6
) -> dict[str, Any]:
    """Results of a run with some checks, the first of which found so many copies.

    Args:
        folder: of the report; pictures are written there.
        pairs: replicated pairs of the first check; every fifth is of a part.
        checks: in all.
        outcome: of the first check.
        near: pairs below the threshold.
    """
    photos = sorted((PHOTOS / "training").glob("*.jpg"))
    shown = []
    for mine, theirs in _photographs():
        shown.append({"sample": _written(folder, mine), "training": _written(folder, theirs)})
    chance = random.Random(8)
    found = [_pair(number, photos, shown, chance, pairs) for number in range(pairs)]
    samples = max(200, 2 * pairs)
    first = _check("tests/test_release.py::test_release_copies_nothing", outcome, samples, chance, found)
    first["near_pairs"] = [_near(number, photos, shown, chance) for number in range(near)]
    others = [
        _check(f"tests/test_release.py::test_prompts[{number}]", "pass", 120, chance, [])
        for number in range(1, checks)
    ]
    every = [first, *others]
    for number, check in enumerate(every):
        check["id"] = f"{check['test']}#{number + 1}"
    return {
        "format": 1,
        "kind": "pytest-replication results",
        "written": "2026-11-29T12:30:00+00:00",
        "writer": "pytest-replication 0.1.0",
        "outcome": outcome,
        "private": False,
        "run": {
            "command": ["pytest", "--replication-index=index", "--replication-model=models/release-7"],
            "started": "2026-11-29T12:21:48+00:00",
            "seconds": 494.2,
            "environment": {
                "python": "3.12.4",
                "platform": "Linux-6.8-x86_64",
                "packages": {"pytest": "8.3.3", "numpy": "2.1.1", "torch": "2.10.0"},
                "commit": "4f0c2c1f7d0b1d6a1f2f0b6d9e4a7a0c55aa9911",
            },
            "settings": [
                {"name": "replication_index", "value": "index", "source": "command line"},
                {"name": "replication_threshold", "value": 0.55, "source": "calibration of the index"},
                {"name": "replication_samples", "value": samples, "source": "ini"},
            ],
            "faults": [],
            "caught": [],
            "errors": [],
        },
        "checks": every,
    }


def stored(folder: Path, data: dict[str, Any]) -> Path:
    """Write results as they are, sound or not."""
    path = folder / "results.json"
    path.write_text(json.dumps(data))
    return path


def _pair(
    number: int, photos: list[Path], shown: list[Any], chance: random.Random, pairs: int
) -> dict[str, Any]:
    place = min(int(chance.expovariate(0.25)), len(photos) - 1)
    part = number % 5 == 3
    pair = _base(number, place, photos, shown, round(0.985 - 0.4 * number / max(pairs, 8), 6))
    if part:
        pair |= {"kind": "object", "score": round(chance.uniform(0.2, 0.5), 6), "p_value": None}
        left, top = chance.uniform(0.1, 0.4), chance.uniform(0.1, 0.4)
        corners = [[left, top], [left + 0.4, top - 0.04], [left + 0.45, top + 0.4], [left + 0.05, top + 0.45]]
        pair["part"] = {
            "points": 24 + (7 * number) % 90,
            "inliers": 20,
            "kinds": 20.0,
            "correlation": 0.94,
            "two_tones": None,
            "roughness": None,
            "spread": 0.2,
            "mirrored": False,
            "scale": 1.13,
            "degrees": -1.0,
            "sample": corners,
            "training": [[0.083 + 0.866 * x, 0.071 + 0.929 * y] for x, y in corners],
            "source": "original",
        }
    return pair


def _near(number: int, photos: list[Path], shown: list[Any], chance: random.Random) -> dict[str, Any]:
    pair = _base(5000 + number, chance.randrange(len(photos)), photos, shown, round(0.54 - 0.02 * number, 6))
    other = shown[
        (photos.index(PHOTOS / "training" / pair["training_uri"].rpartition("/")[2]) + 3) % len(shown)
    ]
    return pair | {"pictures": {"sample": other["sample"], "training": pair["pictures"]["training"]}}


def _base(number: int, place: int, photos: list[Path], shown: list[Any], score: float) -> dict[str, Any]:
    name = photos[place].stem
    return {
        "sample": f"models/release-7/{number:05}.png",
        "sample_number": number,
        "sample_sha256": "ab" * 32,
        "seed": 1000 + number,
        "prompt": _PROMPTS[number % len(_PROMPTS)],
        "class": None,
        "score": score,
        "own": None,
        "threshold": 0.55,
        "p_value": 0.0002,
        "training_id": photos[place].name,
        "training_uri": f"data/training/{photos[place].name}",
        "training_sha256": "cd" * 32,
        "caption": f"a photograph of {name.replace('-', ' ')}",
        "label": None,
        "view": "whole",
        "sample_view": "whole",
        "copies": 14 if place == 0 else 1,
        "exact_copies": 14 if place == 0 else 1,
        "copies_threshold": 0.9,
        "pixels": None,
        "kind": "whole",
        "part": None,
        "pictures": shown[place],
    }


def _check(
    test: str, outcome: str, samples: int, chance: random.Random, pairs: list[dict[str, Any]]
) -> dict[str, Any]:
    scores = [round(chance.gauss(0.25, 0.07), 4) for _ in range(samples - len(pairs))]
    scores += [round(pair["score"], 4) for pair in pairs]
    worst = max(scores)
    headline = f"{len(pairs)} of {samples} samples replicate training images (worst score {worst:.3f}, threshold 0.55)"
    return {
        "id": test,
        "test": test,
        "check": "",
        "asserted": True,
        "rerun": False,
        "outcome": outcome,
        "seconds": 163.4,
        "message": f"{headline}\n\n  replicated, worst first\n    …" if outcome != "pass" else "",
        "samples": samples,
        "replicated": len(pairs),
        "rate": len(pairs) / samples,
        "rate_lower": 0.021,
        "rate_upper": 0.084,
        "confidence": 0.95,
        "samples_needed": None,
        "threshold": 0.55,
        "threshold_source": "calibration of the index",
        "below_holdout": None,
        "threshold_overridden": None,
        "threshold_unmeasured": False,
        "fdr": None,
        "fdr_source": "",
        "false_rate": 0.0003,
        "expected_false": 0.06,
        "calibrated_gate": 1,
        "unprovable": False,
        "max_rate": 0.0,
        "max_rate_source": "default",
        "worst_score": worst,
        "closest_score": worst,
        "searched": 61234,
        "counts": {"few_prompts": False, "prompts": 4},
        "low_information": {"samples": 0, "undecided": 0, "cleared": 0},
        "objects": {
            "points": 20,
            "points_source": "calibration of the index",
            "points_overridden": None,
            "false_rate": 0.001,
            "expected_false": 0.2,
            "replicated": 2,
            "unchecked_samples": 0,
            "candidates": 4000,
            "checked": 4000,
            "unchecked": 0,
            "featureless": 0,
            "control": None,
            "grid": "3x3",
            "stored": True,
            "voting": 64,
        },
        "control": {
            "asked": 10,
            "found": 10,
            "lowest": 0.71,
            "reachable": 96,
            "stored": 100,
            "planted": 400,
            "planted_found": 390,
            "absent": "",
            "beyond": 0,
        },
        "sample_source": "models/release-7",
        "model": {
            "name": "models/release-7",
            "fingerprint": "9a" * 32,
            "options": ["steps=30"],
            "ready": False,
            "takes": ["prompt"],
            "notes": [],
        },
        "prompts_source": "prompts.txt",
        "distinct_samples": samples,
        "index": {
            "path": "index",
            "rejected": 0,
            "removed": 0,
            "unproved": False,
            "stale_calibration": False,
            "fingerprint": "5e" * 32,
            "embedder": "sscd",
            "preprocessing": "whole image to 288",
            "canaries": 100,
        },
        "accepted": None,
        "pairs": pairs,
        "undecided_pairs": [],
        "near_pairs": [],
        "scores": scores,
        "null": {"edges": [edge / 40 for edge in range(41)], "counts": _null()},
    }


@functools.cache
def _null() -> list[int]:
    chance, null = random.Random(3), [0] * 40
    for _ in range(3000):
        null[min(39, max(0, int(chance.gauss(0.24, 0.06) * 40)))] += 1
    return null
