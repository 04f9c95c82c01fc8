"""A gate with canaries: whatever is broken on the way of the samples is an error, and never a pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

import pytest_replication.check as check
import pytest_replication.search.proposals as proposals
from pytest_replication import ReplicationDetected, assert_no_replication, check_replication, open_index
from pytest_replication.choices import EngineChoice
from pytest_replication.controls.gate import Guard
from pytest_replication.errors import ControlFailed, IndexCorrupt, SampleError, SettingsError
from pytest_replication.index import Index
from pytest_replication.index.canaries import Canaries, Canary
from pytest_replication.index.canaries_file import write_canaries
from pytest_replication.search import SearchedBy, search
from pytest_replication.search.neighbours import Neighbours
from pytest_replication.search.sightings import Sightings


@pytest.fixture
def guarded(built_guarded: Path) -> Index:
    """The index with canaries, open, and its embedder proved: what breaks, breaks later."""
    index = open_index(built_guarded)
    assert index.embedder.batch_size == 256
    return index


@pytest.fixture(scope="session")
def samples(unrelated: Path) -> list[Image.Image]:
    """Eleven photographs that copy nothing, small."""
    found = []
    for path in sorted(unrelated.glob("*.*")):
        with Image.open(path) as image:
            found.append(image.convert("RGB").resize((64, 48)))
    return found


def test_a_gate_finds_its_canaries_and_does_not_count_them(
    guarded: Index, pixels_index: Index, samples: list[Image.Image]
) -> None:
    verdict = assert_no_replication(samples, 0.9, index=guarded)
    control = verdict.control
    assert (control.asked, control.found, control.stored, control.absent) == (16, 16, 64, "")
    assert control.lowest is not None
    assert 0.9 <= control.lowest < 1
    assert 16 < control.reachable <= 64
    bare = check_replication(samples, 0.9, index=pixels_index)
    assert verdict.samples == bare.samples == verdict.matches.subject.distinct == len(samples)
    assert verdict.matches.searched == 20
    assert verdict.rate_upper == bare.rate_upper
    assert [[(m.row, m.score) for m in of] for of in verdict.matches.of] == [
        [(m.row, pytest.approx(m.score, abs=2e-6)) for m in of] for of in bare.matches.of
    ]
    assert bare.control.absent == "none were planted"
    assert bare.control.stored is None


def test_every_edit_that_is_stored_is_among_the_drawn(guarded: Index, samples: list[Image.Image]) -> None:
    seen = check_replication(samples, 0.9, index=guarded).matches.canaries
    assert guarded.canaries is not None
    assert {one.edit for one in seen.of} == {one.edit for one in guarded.canaries.kept}
    assert len({one.row for one in seen.of}) > 8


def test_a_copy_is_a_failure_beside_canaries_too(guarded: Index, training: Path) -> None:
    for k in (1, 5):
        with pytest.raises(ReplicationDetected, match="16 of 16 planted copies found") as caught:
            assert_no_replication([training / "cat.jpg"], 0.9, index=guarded, top_k=k)
        assert [match.record.id for match in caught.value.verdict.replicated] == ["cat.jpg"]
        assert len(caught.value.verdict.matches.of) == 1


Rows = np.ndarray[Any, Any]


def constant(rows: Rows) -> Rows:
    return np.ones_like(rows)


def turned(rows: Rows) -> Rows:
    return np.roll(rows, 1, axis=0)


def shuffled(rows: Rows) -> Rows:
    return np.random.default_rng(0).permutation(rows)


def negated(rows: Rows) -> Rows:
    return -rows


def noise(rows: Rows) -> Rows:
    return np.random.default_rng(0).normal(size=rows.shape).astype(np.float32)


def worn(rows: Rows) -> Rows:
    """All vectors a little towards one: no score falls below the threshold."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) + np.float32(0.01)


@pytest.mark.parametrize(
    "fault", [constant, turned, shuffled, negated, noise, worn], ids=lambda f: f.__name__
)
def test_an_embedder_that_broke_since_it_was_proved_is_an_error(
    guarded: Index, samples: list[Image.Image], monkeypatch: pytest.MonkeyPatch, fault: Callable[[Rows], Rows]
) -> None:
    forward = guarded.embedder.forward
    monkeypatch.setattr(guarded.embedder, "forward", lambda batch: fault(forward(batch)))
    assert check_replication(samples, 0.9, index=guarded, canaries=0).passed
    with pytest.raises(
        ControlFailed, match="the gate does not find what it has to: exact found only .* of 16 canaries"
    ):
        check_replication(samples, 0.9, index=guarded)


def upside_down(image: Image.Image) -> Image.Image:
    return ImageOps.flip(image)


def washed_out(image: Image.Image) -> Image.Image:
    return Image.blend(image, Image.new("RGB", image.size, "white"), 0.9)


def blocky(image: Image.Image) -> Image.Image:
    return image.resize((16, 16), Image.Resampling.NEAREST)


@pytest.mark.parametrize("fault", [upside_down, washed_out, blocky], ids=lambda f: f.__name__)
def test_another_preprocessing_is_an_error(
    guarded: Index,
    samples: list[Image.Image],
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[Image.Image], Image.Image],
) -> None:
    prepare = guarded.embedder.prepare
    monkeypatch.setattr(guarded.embedder, "prepare", lambda image: prepare(fault(image)))
    with pytest.raises(ControlFailed, match="does not find what it has to"):
        check_replication(samples, 0.9, index=guarded)


def losing(index: Index, vectors: Rows, k: int) -> Neighbours:
    """A search that overlooks the second half of the index."""
    found = search(index, vectors, index.rows)
    kept = np.argsort(found.rows >= 10, axis=1, kind="stable")[:, :k]
    arrays = (found.scores, found.rows, found.views, found.sample_views)
    return Neighbours(*(np.take_along_axis(array, kept, 1) for array in arrays), found.searched)


def test_a_search_that_loses_rows_is_an_error(
    guarded: Index, samples: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "search", losing)
    assert check_replication(samples, 0.9, index=guarded, canaries=0).passed
    with pytest.raises(ControlFailed, match="did not lead to the training image that they copy"):
        check_replication(samples, 0.9, index=guarded)


def propose_badly(recall: float | None) -> Callable[..., tuple[Neighbours, SearchedBy]]:
    def propose(index: Index, vectors: Rows, k: int, *_: object) -> tuple[Neighbours, SearchedBy]:
        return losing(index, vectors, k), SearchedBy("annoy", recall, 0.9, 3000, 0, 0.95)

    return propose


def test_an_engine_that_misses_canaries_under_a_certificate_is_an_error(
    guarded: Index, samples: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "propose", propose_badly(0.999))
    choice = EngineChoice("annoy", allow_approximate=True)
    assert check_replication(samples, 0.9, index=guarded, engine=choice, canaries=0).passed
    with pytest.raises(ControlFailed, match=r"annoy found only .* leave the engine out or certify it again"):
        check_replication(samples, 0.9, index=guarded, engine=choice)


def test_of_an_engine_without_a_certificate_the_exact_scan_takes_over(
    guarded: Index, training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "propose", propose_badly(None))
    verdict = check_replication([training / "cat.jpg"], 0.9, index=guarded, engine=EngineChoice("annoy"))
    assert verdict.matches.by.exact
    assert "annoy found only" in verdict.matches.by.note
    assert (len(verdict.replicated), verdict.control.found) == (1, 16)


def test_a_threshold_that_canaries_do_not_reach_is_an_error(
    guarded: Index, samples: list[Image.Image]
) -> None:
    with pytest.raises(ControlFailed) as caught:
        check_replication(samples, 0.99999, index=guarded)
    for said in ("of the 64 edited copies", "threshold 0.99999", "planted at 0.9", "calibrate", "canaries 0"):
        assert said in str(caught.value)


def test_a_higher_threshold_is_controlled_by_those_that_reach_it(
    guarded: Index, samples: list[Image.Image]
) -> None:
    low, high = (check_replication(samples, t, index=guarded).control for t in (0.9, 0.95))
    assert high.found == 16
    assert high.reachable < low.reachable
    assert high.lowest is not None
    assert high.lowest >= 0.95


def test_canaries_are_wanted_only_where_somebody_asks_for_them(
    pixels_index: Index, guarded: Index, samples: list[Image.Image]
) -> None:
    with pytest.raises(ControlFailed, match=r"4 canaries are wanted \(call\) but none were planted"):
        check_replication(samples, 0.9, index=pixels_index, canaries=4)
    with pytest.raises(
        ControlFailed, match=r"100 canaries have to be found \(call\), but .* has 64: ask for"
    ):
        check_replication(samples, -0.5, index=guarded, canaries=100)
    assert check_replication(samples, 0.9, index=guarded, canaries=1).control.found == 1
    none = check_replication(samples, 0.9, index=guarded, canaries=0).control
    assert (none.asked, none.stored, none.absent) == (0, 64, "canaries are 0 (call)")


@pytest.mark.parametrize("wrong", [-1, 2.5, True, "16"])
def test_a_number_that_is_none_is_refused(guarded: Index, samples: list[Image.Image], wrong: Any) -> None:
    with pytest.raises(SettingsError, match="expected a whole number from 0 on"):
        check_replication(samples, 0.9, index=guarded, canaries=wrong)


def test_a_calibration_that_found_no_copy_passes_nothing(damaged: Path, samples: list[Image.Image]) -> None:
    write_canaries(open_index(damaged), Canaries(0.9, {"grey": (0, 20)}, ()))
    with pytest.raises(ControlFailed, match=r"has none: of 20 edited copies .* found 0 at 0.9"):
        check_replication(samples, 0.9, index=damaged)
    assert check_replication(samples, 0.9, index=damaged, canaries=0).passed


def test_black_samples_are_seen_beside_canaries(guarded: Index) -> None:
    with pytest.raises(SampleError, match="all 3 samples .* are black"):
        check_replication([Image.new("RGB", (8, 8))] * 3, 0.9, index=guarded)


def test_damaged_canaries_are_an_error_unless_there_is_no_control(
    guarded: Index, damaged: Path, samples: list[Image.Image]
) -> None:
    assert guarded.canaries is not None
    write_canaries(open_index(damaged), guarded.canaries)
    path = next(damaged.glob("canaries-*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="is damaged"):
        check_replication(samples, 0.9, index=damaged)
    assert check_replication(samples, 0.9, index=damaged, canaries=0).passed


def guard_of(count: int) -> Guard:
    return Guard((Canary(0, "none", 1.0, b""),) * count, Sightings())


@given(st.integers(1, 300), st.integers(0, 300))
def test_canaries_lie_evenly_among_samples(samples: int, canaries: int) -> None:
    mask = guard_of(canaries).mask(samples)
    assert (len(mask), mask.sum()) == (samples + canaries, canaries)
    gaps = np.diff(np.flatnonzero(mask))
    assert gaps.max(initial=0) - gaps.min(initial=len(mask)) <= 1
