"""Results of made-up runs, for tests of what is rendered from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_replication.faults import LOST, fault
from pytest_replication.results import Results

HOSTILE = (
    'a|b`c``d"e<script>alert(1)</script>&amp;]]>\n::error::no\r\n| x |\n## head\n@someone #12 https://evil.example '
    "[link](javascript:alert(1)) ![](x) ${{ secrets.X }} %0A%25 \x00\x1b[31m\ud800\u202e{0} \\| </code></details>```"
)


def made_check(number: int = 1, outcome: str = "fail", **changes: Any) -> dict[str, Any]:
    """A check of samples, with a pair of each of two training images where it fails."""
    test = changes.pop("test", "tests/test_gate.py::test_release")
    pairs = [made_pair(place) for place in range(3)] if outcome == "fail" else []
    return {
        "id": f"{test}#{number}",
        "test": test,
        "check": "",
        "asserted": True,
        "rerun": False,
        "outcome": outcome,
        "seconds": 1.25,
        "message": "" if outcome == "pass" else f"{len(pairs)} of 256 samples replicate training images\n\n  more",
        "samples": 256,
        "replicated": len(pairs),
        "rate": len(pairs) / 256,
        "counts": {"per": "sample", "prompts": 0, "few_prompts": False, "replicated_prompts": 0, "training_images": 2, "most_of_one": 2},
        "low_information": {"samples": 0, "undecided": 0, "cleared": 0},
        "objects": None,
        "rate_lower": 0.002 if pairs else 0.0,
        "rate_upper": 0.034,
        "confidence": 0.95,
        "samples_needed": None,
        "threshold": 0.5,
        "threshold_source": "default of sscd",
        "below_holdout": None,
        "threshold_overridden": None,
        "threshold_unmeasured": False,
        "fdr": None,
        "fdr_source": None,
        "false_rate": None,
        "expected_false": None,
        "calibrated_gate": 0,
        "unprovable": False,
        "max_rate": 0.0,
        "max_rate_source": "default",
        "worst_score": 0.981 if pairs else 0.312,
        "closest_score": 0.981 if pairs else 0.312,
        "searched": 60000,
        "search": {"engine": "exact", "recall": 1.0},
        "seeds": {"first": 0, "last": 255, "distinct": 256},
        "control": {
            "asked": 16, "found": 16, "lowest": 0.7, "reachable": 40, "stored": 40, "planted": 60,
            "planted_found": 55, "absent": "", "beyond": 0,
        },
        "model": {"name": "my_model:generate", "fingerprint": "ab" * 32, "options": ["steps=25"], "ready": False, "notes": []},
        "sample_source": "my_model:generate",
        "prompts_source": "",
        "distinct_samples": 256,
        "index": {
            "path": "index", "rejected": 0, "removed": 0, "unproved": False, "stale_calibration": False,
            "fingerprint": "cd" * 32, "embedder": "sscd", "preprocessing": "sscd-320", "weights_sha256": "ef" * 32,
            "canaries": 40,
        },
        "accepted": None,
        "pairs": pairs,
        "undecided_pairs": [],
        "near_pairs": [],
        "scores": [0.981, 0.2],
        "null": None,
        **changes,
    }  # fmt: skip


def made_pair(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A pair; those of an even number are of one training image."""
    return {
        "sample": f"sample-{number}",
        "sample_number": number,
        "seed": number,
        "prompt": "a cat",
        "score": 0.981 - number / 100,
        "threshold": 0.5,
        "training_id": f"{number % 2}",
        "training_uri": f"train/{number % 2}.png",
        "training_sha256": f"{number % 2:064d}",
        "caption": "a cat on a sofa",
        "copies": 2,
        **changes,
    }


def made_results(
    *checks: dict[str, Any],
    outcome: str | None = None,
    faults: Sequence[str | dict[str, str]] = (),
    **run: Any,
) -> Results:
    """The results of a run with these checks; its outcome is the first one's. A fault that is text is any."""
    told = {
        "command": ["pytest"],
        "started": "2026-11-29T12:00:00+00:00",
        "seconds": 3.5,
        "environment": {"python": "3.11.9", "platform": "Linux", "packages": {}, "commit": "12" * 20},
        "settings": [{"name": "seed", "value": 0, "source": "default"}],
        "faults": [fault(LOST, each) if isinstance(each, str) else each for each in faults],
        "caught": [],
        "errors": [],
        **run,
    }
    data = {
        "format": 1,
        "kind": "pytest-replication results",
        "written": "2026-11-29T12:00:05+00:00",
        "writer": "pytest-replication 0.1.0",
        "outcome": outcome or (checks[0]["outcome"] if checks else "none"),
        "private": False,
        "run": told,
        "checks": list(checks),
    }
    return Results(Path("report/results.json"), data)


def hostile_results() -> Results:
    """A run in which all that comes from data is hostile."""
    pair = made_pair(
        sample=HOSTILE, prompt=HOSTILE, training_uri=HOSTILE, caption=HOSTILE, training_sha256=HOSTILE, seed=HOSTILE
    )  # fmt: skip
    check = made_check(
        test=f"tests/test_gate.py::test_release[{HOSTILE}]",
        check=HOSTILE,
        message=f"1 of 2 samples replicates {HOSTILE}",
        pairs=[pair],
        threshold_source=HOSTILE,
        sample_source=HOSTILE,
        prompts_source=HOSTILE,
    )
    check["index"] |= {"path": HOSTILE, "embedder": HOSTILE, "preprocessing": HOSTILE, "canaries": None}
    check["model"] |= {"name": HOSTILE, "options": [HOSTILE]}
    kind = made_check(
        2, "inconclusive", kind="set", story=HOSTILE, cells=[HOSTILE] * 3, warnings=[HOSTILE], message="", check="b"
    )  # fmt: skip
    errors = [{"test": HOSTILE, "message": HOSTILE}]
    return made_results(check, kind, faults=[HOSTILE], caught=[HOSTILE], errors=errors)
