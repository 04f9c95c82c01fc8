"""Screens on the small text-to-image model that was trained on duplicated captions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pytest_replication.errors import ReplicationDetected
from pytest_replication.screen_assertions import assert_prompts_not_memorized
from pytest_replication.screens.options import ScreenOptions

ROOT = Path(__file__).parents[2]
NEVER = """
    walrus abacus anvil hammock periscope lawnmower toaster wheelbarrow telescope typewriter stethoscope
    hourglass pagoda igloo wigwam gondola tandem unicycle rickshaw hovercraft tugboat kayak parachute glider
""".split()  # noqa: SIM905


def test_duplicated_captions_behave_as_memorised_ones_do() -> None:
    pytest.importorskip("diffusers")
    text = (ROOT / "fixtures" / "stamps" / "pictures.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    duplicated = [row["caption"] for row in rows if row["copies"] > 1]
    clean = [f"A {word}." for word in NEVER]
    assert not {row["caption"] for row in rows} & set(clean)
    options = ScreenOptions(seeds=1, steps=25, first=1, guidance=3.0, batch=16, progress=False)
    with pytest.raises(ReplicationDetected, match="of 14 prompts behave as memorised ones do") as caught:
        assert_prompts_not_memorized(
            str(ROOT / "fixtures" / "models" / "stamps"),
            duplicated,
            clean_prompts=clean,
            fpr=0.1,
            options=options,
        )
    scores = [prompt.scores["noise-magnitude"] for prompt in caught.value.verdict.prompts]  # type: ignore[union-attr]
    assert np.median(scores) > caught.value.verdict.lines[0].middle  # type: ignore[union-attr]
