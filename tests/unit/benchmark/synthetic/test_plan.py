from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.benchmark.synthetic.items import Item, Items
from pytest_replication.benchmark.synthetic.kinds import KINDS
from pytest_replication.benchmark.synthetic.plan import SetOptions, share_out
from pytest_replication.errors import BenchmarkError


def items(count: int, name: str = "images") -> Items:
    return Items(name, tuple(Item(f"{number:03d}", lambda: b"") for number in range(count)))


@given(
    images=st.integers(1, 60),
    others=st.integers(0, 30),
    negatives=st.integers(0, 20),
    count=st.integers(1, 80),
    kind=st.sampled_from(["cutmix", "edits"]),
    seed=st.integers(0, 99),
)
def test_no_image_plays_two_parts_and_others_never_become_sources(
    images: int, others: int, negatives: int, count: int, kind: str, seed: int
) -> None:
    options = SetOptions(seed=seed, negatives=negatives, count=count)
    spare = items(others, "others") if others else None
    try:
        parts = share_out(items(images), spare, KINDS[kind], options)
    except BenchmarkError:
        pool = others if others else images
        assert negatives > pool or pool - negatives < 1 + (kind == "cutmix" and not others)
        return
    ids = [item.id for part in (parts.sources, parts.hosts, parts.negatives) for item in part]
    assert len(set(ids)) == len(ids)
    assert len(parts.negatives) == negatives
    assert parts.sources
    assert bool(parts.hosts) == (kind == "cutmix")
    if others:
        assert len(parts.sources) == images
        assert all(item.id.startswith("others/") for item in (*parts.hosts, *parts.negatives))
    else:
        assert len(ids) == images
        assert len(parts.hosts) <= max(1, (images - negatives) // 4)
    assert not any(item.id.startswith("others/") for item in parts.sources)


def test_the_seed_decides() -> None:
    drawn = [
        [item.id for item in share_out(items(30), None, KINDS["cutmix"], SetOptions(seed=seed)).sources]
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed is -1; expected 0"),
        ({"count": 0}, "count is 0; expected 1"),
        ({"each": 0}, "each is 0"),
        ({"negatives": -1}, "negatives is -1"),
        ({"distractors": -1}, "distractors is -1"),
        ({"longest": 15}, "longest is 15; expected 16 to 4096"),
        ({"least": 1.1}, r"least is 1\.1; expected 0 to 1"),
        ({"least": float("nan")}, "least is nan"),
        ({"direction": "back"}, "the direction is 'back'; expected gate or paper"),
    ],
)
def test_options_out_of_their_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        SetOptions(**changes)


def test_too_few_images_are_told_with_what_is_needed() -> None:
    with pytest.raises(BenchmarkError, match="1 images are too few for 0 negatives, a source and an image"):
        share_out(items(1), None, KINDS["cutmix"], SetOptions())
    with pytest.raises(BenchmarkError, match="5 images and 2 others are too few for 3 negatives, a source:"):
        share_out(items(5), items(2), KINDS["edits"], SetOptions(negatives=3))
