"""Samples with next to nothing in them: judged by pixels or not at all, never by a descriptor alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from pytest_replication import (
    BuildOptions,
    Inconclusive,
    Index,
    Outcome,
    Policy,
    ReplicationDetected,
    Samples,
    Verdict,
    assert_no_replication,
    build_index,
    check_replication,
    judge,
    open_index,
)
from pytest_replication.accepted import Acceptance, Accepted
from pytest_replication.blank import judge_blank
from pytest_replication.errors import SettingsError
from pytest_replication.images.complexity import measure_complexity
from pytest_replication.policy import GroupThresholds
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.matches_file import read_matches, save_matches
from pytest_replication.reports.text import render
from pytest_replication.search.evidence import APART, CLEAR, SAME, training_picture
from pytest_replication.search.match import Match, PixelEvidence
from pytest_replication.search.neighbours import SearchedBy
from pytest_replication.stats.intervals import lower_bound, upper_bound

COLOURS = {"white": (255, 255, 255), "grey": (120, 120, 120), "dark": (30, 30, 30)}


def colour(rgb: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (48, 48), rgb)


@pytest.fixture(scope="module")
def photos(training: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs and three blank images."""
    folder = tmp_path_factory.mktemp("photos") / "photos"
    folder.mkdir()
    for path in sorted(training.iterdir())[:6]:
        image = Image.open(path).convert("RGB")
        image.thumbnail((160, 160))
        image.save(folder / f"{path.stem}.png")
    for name, rgb in COLOURS.items():
        colour(rgb).save(folder / f"{name}.png")
    return folder


def built(photos: Path, folder: Path, **options: int) -> Path:
    build_index(photos, folder, BuildOptions(embedder="pixels", progress=False, **options))  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="module")
def with_pixels(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    return open_index(built(photos, tmp_path_factory.mktemp("index") / "index", pixels=32))


@pytest.fixture(scope="module")
def without(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """The images lie where they lay."""
    return open_index(built(photos, tmp_path_factory.mktemp("index") / "index"))


@pytest.fixture
def alone(photos: Path, tmp_path: Path) -> Index:
    """Without pixels, and the images are gone."""
    copy = Path(shutil.copytree(photos, tmp_path / "photos"))
    folder = built(copy, tmp_path / "index")
    shutil.rmtree(copy)
    return open_index(folder)


def ramp(first: int, last: int, side: int = 96) -> Image.Image:
    """A grey gradient from left to right."""
    row = np.linspace(first, last, side).astype(np.uint8)
    return Image.fromarray(np.repeat(np.repeat(row[None, :, None], side, axis=0), 3, axis=2))


def block() -> Image.Image:
    """A grey page with a black block: near-blank, and like no gradient."""
    page = Image.new("RGB", (96, 96), (130, 130, 130))
    page.paste((0, 0, 0), (0, 60, 12, 72))
    return page


def drawing(seed: int) -> Image.Image:
    page, rng = Image.new("RGB", (160, 160), "white"), np.random.default_rng(seed)
    pen = ImageDraw.Draw(page)
    for _ in range(5):
        pen.line(
            [tuple((rng.integers(-14, 14, 2) + np.array((70, 90))).tolist()) for _ in range(2)], "black", 1
        )
    return page


REACHED = 0.2
"""A threshold that `block` reaches with the gradient, and with neither of the photographs."""


@pytest.fixture(scope="module")
def ramped(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradient and two photographs."""
    folder = tmp_path_factory.mktemp("ramped") / "images"
    folder.mkdir()
    for number, path in enumerate(sorted(photos.glob("*.png"))):
        if path.stem not in COLOURS and number in (0, 2):
            shutil.copy(path, folder)
    ramp(100, 160).save(folder / "ramp.png")
    return folder


@pytest.fixture(scope="module")
def ramped_pixels(ramped: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    return open_index(built(ramped, tmp_path_factory.mktemp("index") / "index", pixels=96))


@pytest.fixture(scope="module")
def ramped_files(ramped: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """The images lie where they lay."""
    return open_index(built(ramped, tmp_path_factory.mktemp("index") / "index"))


def check(index: Index, *images: Image.Image, k: int = 5, threshold: float = 0.9, **more: float) -> Verdict:
    return check_replication(list(images), threshold, index=index, top_k=k, **more)  # type: ignore[arg-type]


def outcomes(verdict: Verdict) -> tuple[str, int, int, int]:
    return (
        verdict.outcome.value,
        len(verdict.replicated),
        len(verdict.undecided),
        len(verdict.cleared),
    )


@pytest.mark.parametrize("where", ["with_pixels", "without"])
def test_pixels_decide_where_they_are_at_hand(where: str, request: pytest.FixtureRequest) -> None:
    index: Index = request.getfixturevalue(where)
    same = check(index, colour((119, 119, 119)))
    assert same.worst.score > 0.99  # of all three blank images: a descriptor cannot tell them apart
    assert outcomes(same) == ("fail", 1, 0, 0)
    assert same.replicated[0].record.uri.endswith("grey.png")
    assert same.replicated[0].pixels is not None
    assert same.replicated[0].pixels.source == ("index" if index.side else "original")
    for rgb in ((200, 200, 200), (70, 70, 70)):  # a page of one colour may be any other, dimmed
        assert outcomes(check(index, colour(rgb))) == ("inconclusive", 0, 1, 0)
    between = check(index, colour((140, 140, 140)))
    assert SAME < 20 / 255 <= APART
    assert outcomes(between) == ("inconclusive", 0, 1, 0)
    assert between.needed is None


@pytest.mark.parametrize("where", ["ramped_pixels", "ramped_files"])
def test_what_is_clearly_something_else_is_cleared_and_told(
    where: str, request: pytest.FixtureRequest
) -> None:
    index: Index = request.getfixturevalue(where)
    verdict = check(index, block(), k=2, threshold=REACHED)
    assert outcomes(verdict) == ("pass", 0, 0, 1)
    (hit,) = verdict.cleared
    assert hit.score >= REACHED
    assert hit.pixels is not None
    assert hit.pixels.alike is not None
    assert hit.pixels.alike <= CLEAR
    assert hit.pixels.tiled > APART
    assert "WARNING    1 sample with next to nothing in it reaches the threshold and is not" in render(
        verdict
    )


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "dim": lambda image: image.point(lambda v: int(v * 0.08)),
    "faint": lambda image: image.point(lambda v: int(v * 0.08 + 235)),
}


@pytest.mark.parametrize("edit", COPIES)
def test_a_photograph_with_the_light_turned_down_is_not_cleared(
    with_pixels: Index, without: Index, photos: Path, edit: str
) -> None:
    """So little is left that it counts as flat, and its pixels are far from those of the original."""
    paths = [path for path in sorted(photos.iterdir()) if path.stem not in COLOURS]
    images = [COPIES[edit](Image.open(path)) for path in paths[:4]]
    for index in (with_pixels, without):
        verdict = check(index, *images, threshold=0.8)
        assert len(verdict.matches.low) == 4
        assert min(match.score for match in verdict.matches.best) >= 0.8
        for match in verdict.matches.best:  # there is more in the original than in the copy
            assert match.pixels is not None
            assert match.pixels.tiled > APART
            assert match.pixels.alike is None
        assert outcomes(verdict) == ("inconclusive", 0, 4, 0)


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "moved": lambda image: Image.fromarray(np.roll(np.asarray(image), (6, 8), axis=(0, 1))),
    "mirrored": ImageOps.mirror,
    "dim": lambda image: image.point(lambda v: v * 2 // 5),
    "dim, moved and mirrored": lambda image: EDITS["moved"](ImageOps.mirror(EDITS["dim"](image))),
}


def test_an_edited_copy_of_a_drawing_is_not_cleared(ramped: Path, tmp_path: Path) -> None:
    """All training images reach the threshold: a gradient, which clears the drawing, and the drawing."""
    folder = tmp_path / "images"
    folder.mkdir()
    shutil.copy(ramped / "ramp.png", folder)
    images = [edit(drawing(0)) for edit in EDITS.values()]
    ramp(100, 160).save(folder / "drawing.png")
    alone = check(open_index(built(folder, tmp_path / "alone")), *images, threshold=-0.9)
    assert {match.sample for match in alone.cleared} >= {0, 1}  # too little is left of those that are dim
    drawing(0).save(folder / "drawing.png")
    for name, options in (("pixels", {"pixels": 64}), ("files", {})):
        verdict = check(open_index(built(folder, tmp_path / name, **options)), *images, threshold=-0.9)
        assert verdict.cleared == ()
        assert not verdict.passed


def test_without_pixels_it_cannot_be_told(alone: Index) -> None:
    for image in (colour(COLOURS["grey"]), colour((200, 200, 200))):
        verdict = check(alone, image)
        assert outcomes(verdict) == ("inconclusive", 0, 1, 0)
        assert verdict.replicated == ()
    with pytest.raises(
        Inconclusive, match="cannot tell of 1 samples: of 1 with next to nothing in them it cann"
    ):
        assert_no_replication([colour(COLOURS["grey"])], 0.9, index=alone)


def test_a_real_copy_fails_whatever_cannot_be_told(alone: Index, photos: Path) -> None:
    cat = Image.open(sorted(photos.iterdir())[0]).convert("RGB")
    verdict = check(alone, cat, colour((200, 200, 200)))
    assert outcomes(verdict) == ("fail", 1, 1, 0)
    assert verdict.rate_lower == pytest.approx(lower_bound(1, 2, 0.95))
    assert verdict.rate_upper == pytest.approx(upper_bound(2, 2, 0.95))
    with pytest.raises(
        ReplicationDetected, match=r"1 of 2 samples .*; of 1 with next to nothing in them it cannot"
    ):
        assert_no_replication([cat, colour((200, 200, 200))], 0.9, index=alone)


def test_one_below_the_threshold_is_an_ordinary_sample(with_pixels: Index) -> None:
    """A near-blank page is far from the blank ones."""
    page = colour((255, 255, 255))
    page.paste((0, 0, 0), (4, 4, 11, 11))
    verdict = check(with_pixels, page)
    assert outcomes(verdict) == ("pass", 0, 0, 0)
    assert [entry.why for entry in verdict.matches.low] == ["near-blank"]
    assert "1 sample with next to nothing in them (1 near-blank): 1 below the threshold" in render(verdict)


def test_a_claim_counts_what_cannot_be_told_against_the_model(alone: Index, unrelated: Path) -> None:
    images = [Image.open(path).convert("RGB") for path in sorted(unrelated.iterdir())]
    assert check(alone, *images, max_rate=0.3).outcome is Outcome.PASS
    verdict = check(alone, *images, colour((200, 200, 200)), max_rate=0.3)
    assert outcomes(verdict) == ("inconclusive", 0, 1, 0)
    assert verdict.rate_upper == pytest.approx(upper_bound(1, 12, 0.95))
    assert "build it again" not in render(verdict)
    assert "again with --pixels SIDE" in render(verdict)


def test_when_more_may_reach_the_threshold_than_were_kept(without: Index, with_pixels: Index) -> None:
    """One match is kept, three reach the threshold: that it is another image says nothing of the rest."""
    sample = colour((252, 252, 252))
    assert outcomes(check(without, sample, k=3)) == ("fail", 1, 0, 0)
    kept = check(without, colour((200, 200, 200)), k=1)
    assert outcomes(kept) == ("inconclusive", 0, 1, 0)
    # The index that stores pixels compares all of them, and finds the one that was not kept.
    for rgb in COLOURS.values():
        assert outcomes(check(with_pixels, colour(rgb), k=1)) == ("fail", 1, 0, 0)


def test_thumbnails_are_a_last_resort(photos: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(photos, tmp_path / "photos"))
    index = open_index(built(copy, tmp_path / "index", thumbnails=40))
    small = open_index(built(copy, tmp_path / "small", thumbnails=16))
    shutil.rmtree(copy)
    verdict = check(index, colour((119, 119, 119)))
    assert outcomes(verdict) == ("fail", 1, 0, 0)
    assert "thumbnail, lossy, at 40 x 40" in render(verdict)
    assert outcomes(check(small, colour((119, 119, 119)))) == ("inconclusive", 0, 1, 0)


def test_a_file_that_changed_is_not_at_hand(without: Index, photos: Path, tmp_path: Path) -> None:
    match = check(without, colour((119, 119, 119))).replicated[0]
    assert training_picture(without, match) is not None
    for uri, sha256 in (
        (str(tmp_path), match.record.sha256),
        (match.record.uri, "0" * 64),
        (match.record.uri, None),
    ):
        record = replace(match.record, uri=uri, sha256=sha256)
        assert training_picture(without, replace(match, record=record)) is None


def test_evidence_of_replicated_pairs(with_pixels: Index, photos: Path) -> None:
    paths = sorted(photos.iterdir())[:3]
    images = [Image.open(path).convert("RGB") for path in paths]
    verdict = check(with_pixels, *images)
    assert outcomes(verdict) == ("fail", 3, 0, 0)
    for match in verdict.replicated:
        assert match.pixels == PixelEvidence(0.0, 0.0, 32, "index")
    assert "(RMSE 0.000, tiled L2 0.000; pixels of the index, at 32 x 32)" in render(verdict)
    data = json.loads(json.dumps(verdict_data(verdict)))
    assert data["pairs"][0]["pixels"] == {
        "rmse": 0,
        "tiled": 0,
        "side": 32,
        "source": "index",
        "alike": None,
    }
    assert data["low_information"]["samples"] == 0


def test_every_number_is_in_the_data_and_survives_a_file(
    alone: Index, with_pixels: Index, tmp_path: Path
) -> None:
    images = [colour((200, 200, 200)), colour((119, 119, 119)), colour((140, 140, 140))]
    verdict = check(with_pixels, *images)
    data = json.loads(json.dumps(verdict_data(verdict)))
    assert data["low_information"] == {
        "samples": 3,
        "why": {"flat": 3},
        "replicated": 1,
        "undecided": 2,
        "cleared": 0,
        "below": 0,
    }
    assert [pair["sample_number"] for pair in data["undecided_pairs"]] == [0, 2]
    for index in (with_pixels, alone):
        verdict = check(index, *images)
        save_matches(tmp_path / "run.json", verdict)
        matches = read_matches(tmp_path / "run.json").matches
        again = judge(matches, verdict.policy)
        assert outcomes(again) == outcomes(verdict)
        # Under a lower threshold nothing is green that was not looked at.
        lower = judge(matches, replace(verdict.policy, threshold=-0.5))
        assert lower.outcome is not Outcome.PASS


def test_a_lower_threshold_that_was_not_looked_at_is_undecided(with_pixels: Index) -> None:
    page = colour((255, 255, 255))
    page.paste((0, 0, 0), (4, 4, 11, 11))
    verdict = check(with_pixels, page)
    again = judge(verdict.matches, Policy(verdict.worst.score))
    assert outcomes(again) == ("inconclusive", 0, 1, 0)


def evidence(tiled: float, alike: float | None = CLEAR) -> PixelEvidence:
    return PixelEvidence(min(tiled, 0.02), tiled, 32, "index", alike)


@pytest.fixture(scope="module")
def like(with_pixels: Index) -> Match:
    return replace(check(with_pixels, colour((200, 200, 200))).matches.of[0][0], score=0.95)


@pytest.mark.parametrize(
    ("seen", "whole", "said"),
    [
        (((0.05, None), None), True, "replicated"),
        ((None, (0.01, 0.1)), False, "replicated"),
        (((0.2, 0.1), (0.3, CLEAR)), True, "other"),
        (((0.2, 0.1), (0.3, CLEAR)), False, "undecided"),  # a third may reach the threshold, too
        (((0.2, 0.1), None), True, "undecided"),
        (((0.2, 0.1), (0.15, 0.1)), True, "undecided"),
        (((0.9, 0.1), (0.9, CLEAR + 0.001)), True, "undecided"),  # far in pixels, but much alike
        (((0.9, 0.1), (0.9, None)), True, "undecided"),  # there is enough in one of the training images
    ],
)
def test_what_is_said_of_a_sample(
    like: Match, seen: tuple[tuple[float, float | None] | None, ...], whole: bool, said: str
) -> None:
    found = [replace(like, row=i, pixels=None if p is None else evidence(*p)) for i, p in enumerate(seen)]
    word, match = judge_blank(found, found, whole)
    assert word == said
    if said == "replicated":
        assert match.pixels is not None
        assert match.pixels.tiled <= SAME
    assert judge_blank(found, (), whole)[0] != "other"


def test_a_copy_below_the_threshold_is_a_copy_and_others_there_do_not_matter(like: Match) -> None:
    for last, said in ((0.04, "replicated"), (0.1, "undecided"), (0.2, "other"), (None, "other")):
        found = [
            replace(like, pixels=evidence(0.2)),
            replace(like, row=1, score=0.5, pixels=None if last is None else evidence(last, None)),
        ]
        assert judge_blank(found, found[:1], True)[0] == said


def test_a_training_image_that_pixels_added_is_no_end_of_what_was_kept(ramped_files: Index) -> None:
    """Two were kept, both reach the threshold, and pixels led to a third that does not."""
    verdict = check(ramped_files, block(), k=2, threshold=REACHED)
    (hit,), matches = verdict.cleared, verdict.matches
    (low,) = matches.low
    near = [replace(hit, row=row, score=0.95) for row in (0, 1)]
    third = replace(hit, row=2, score=0.5)
    three = replace(matches, of=((*near, third),))
    assert outcomes(judge(three, verdict.policy)) == ("pass", 0, 0, 1)
    added = replace(three, low=(replace(low, added=2),))
    assert outcomes(judge(added, verdict.policy)) == ("inconclusive", 0, 1, 0)
    assert outcomes(judge(replace(added, searched=2), verdict.policy)) == ("pass", 0, 0, 1)


def test_with_a_threshold_for_each_group_the_next_may_reach_a_lower_one(ramped_files: Index) -> None:
    verdict = check(ramped_files, block(), k=2, threshold=REACHED)
    assert len(verdict.matches.of[0]) < verdict.matches.searched
    policy = replace(verdict.policy, groups=GroupThresholds("label", {}, verdict.policy.threshold))
    assert outcomes(judge(verdict.matches, policy)) == ("inconclusive", 0, 1, 0)


def test_too_few_pixels_clear_nothing(ramped: Path, tmp_path: Path) -> None:
    index = open_index(built(ramped, tmp_path / "index", pixels=16))
    assert outcomes(check(index, block(), threshold=REACHED)) == ("inconclusive", 0, 1, 0)


def test_photographs_are_judged_as_ever(without: Index, unrelated: Path) -> None:
    verdict = check_replication(unrelated, 0.9, index=without)
    assert verdict.matches.low == ()
    assert np.isfinite(verdict.worst.score)


def test_complexity_is_measured_where_it_is_wanted(
    without: Index, alone: Index, unrelated: Path, tmp_path: Path
) -> None:
    verdict = check_replication(unrelated, 0.9, index=without, complexity=True)
    data = verdict_data(verdict)["complexity"]
    assert (data["samples"]["n"], data["training_images"]["n"]) == (11, 11)
    scores = np.array([match.score for match in verdict.matches.best])
    entropies = np.array([one.sample.entropy for one in verdict.matches.complexity])
    assert entropies[0] == measure_complexity(Samples.of(unrelated).image(0)).entropy
    found = data["samples"]["figures"]["entropy"]
    assert found["mean"] == pytest.approx(entropies.mean())
    assert found["pearson"]["value"] == pytest.approx(np.corrcoef(entropies, scores)[0, 1])
    for one, match in zip(verdict.matches.complexity, verdict.matches.best, strict=True):
        assert one.training == measure_complexity(Image.open(match.record.uri).convert("RGB"))
    assert "complexity Pearson's r of the score, 11 matched training images: entropy " in render(verdict)
    save_matches(tmp_path / "run.json", verdict)
    assert read_matches(tmp_path / "run.json").matches.complexity == verdict.matches.complexity
    gone = check_replication(unrelated, 0.9, index=alone, complexity=True)
    assert verdict_data(gone)["complexity"]["training_images"]["n"] == 0
    assert "complexity Pearson's r of the score, 11 samples: " in render(gone)
    few = check_replication([colour((200, 200, 200))], 0.9, index=alone, complexity=True)
    assert "1 sample: too few, or too much alike" in render(few)


def test_complexity_is_not_measured_unless_it_is(without: Index, unrelated: Path) -> None:
    verdict = check_replication(unrelated, 0.9, index=without)
    assert verdict_data(verdict)["complexity"] is None
    assert "complexity" not in render(verdict)
    with pytest.raises(SettingsError, match="complexity is 'yes'"):
        check_replication(unrelated, 0.9, index=without, complexity="yes")  # type: ignore[arg-type]


def test_an_engine_that_may_overlook_others_clears_nothing(ramped_files: Index) -> None:
    verdict = check(ramped_files, block(), k=2, threshold=REACHED)
    assert outcomes(verdict) == ("pass", 0, 0, 1)
    by = SearchedBy("annoy", 0.999, REACHED, 3000, 0, 0.95)
    assert outcomes(judge(replace(verdict.matches, by=by), verdict.policy)) == ("inconclusive", 0, 1, 0)


def test_an_accepted_match_does_not_count_and_the_next_is_judged_by_its_pixels(without: Index) -> None:
    verdict = check(without, colour((119, 119, 119)))
    (hit,) = verdict.replicated
    entry = Acceptance(
        verdict.matches.subject.sample_sha256[0],
        str(hit.record.sha256),
        "a blank page",
        "us",
        date.today(),
        date.today() + timedelta(days=9),
    )
    accepted = replace(verdict.policy, accepted=Accepted((entry,)))
    again = judge(verdict.matches, accepted)
    assert outcomes(again) == ("inconclusive", 0, 1, 0)
    assert again.undecided[0].row != hit.row
    assert again.accepted == (hit,)
