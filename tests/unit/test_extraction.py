"""Extraction: measured on an index of small images, judged, and asked for in every way."""

from __future__ import annotations

import io
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import (
    BuildOptions,
    ExtractionPolicy,
    ExtractionVerdict,
    Inconclusive,
    Index,
    ReplicationDetected,
    Samples,
    assert_no_extraction,
    build_index,
    check_extraction,
    cli,
    open_index,
)
from pytest_replication.errors import IndexNotFound, SampleError, SearchError, SettingsError, UnknownName
from pytest_replication.extraction_verdicts import LIMITS, RULES, judge_extraction
from pytest_replication.index.removed import remove_images
from pytest_replication.reports.extraction import extraction_data, extraction_row, render_extraction
from pytest_replication.scoring.pixel import rmse, tiled, unit_range
from pytest_replication.search import extraction as measuring
from pytest_replication.search.extraction import PixelMatches, match_pixels
from pytest_replication.stats.intervals import upper_bound

SIDE = 12
KEPT = 20
"""Neighbours of the mean."""


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """80 small images, smooth in part; the first stands 45 times in the set."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (80, 4, 4, 3), dtype=np.uint8)
    images = coarse.repeat(3, axis=1).repeat(3, axis=2)
    images[1:45] = images[0]
    images[1:45] += rng.integers(0, 2, (44, SIDE, SIDE, 3), dtype=np.uint8)
    return images


@pytest.fixture(scope="module")
def index(images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("extraction")
    np.save(folder / "images.npy", images)
    options = BuildOptions(embedder="pixels", pixels=SIDE, progress=False)
    return open_index(build_index(f"npy:{folder / 'images.npy'}", folder / "index", options).index)


@pytest.fixture(scope="module")
def samples(images: np.ndarray) -> np.ndarray:
    """A copy of one image, one of the image that stands often, one with noise, and three others."""
    rng = np.random.default_rng(1)
    near = np.clip(images[60].astype(int) + rng.integers(-9, 10, images[60].shape), 0, 255).astype(np.uint8)
    often = np.clip(images[0].astype(int) + rng.integers(-9, 10, images[60].shape), 0, 255).astype(np.uint8)
    others = rng.integers(40, 216, (3, 4, 4, 3), dtype=np.uint8).repeat(3, axis=1).repeat(3, axis=2)
    return np.concatenate([images[50:51], often[None], near[None], others])


@pytest.fixture(scope="module")
def matches(index: Index, samples: np.ndarray) -> PixelMatches:
    return match_pixels(index, Samples.of(samples), KEPT)


def test_every_measure_is_that_of_the_formula(
    matches: PixelMatches, images: np.ndarray, samples: np.ndarray
) -> None:
    for match, sample in zip(matches.of, samples, strict=True):
        distances = [float(rmse(unit_range(sample), unit_range(image))) for image in images]
        order = sorted(range(len(images)), key=lambda row: (round(distances[row], 12), row))
        nearest = unit_range(images[order[0]])
        apart = [order[0], *(r for r in order[1:] if rmse(nearest, unit_range(images[r])) > measuring.SAME)]
        cut = [float(tiled(unit_range(sample), unit_range(image))) for image in images]
        around = sum(distances[row] for row in apart[:KEPT]) / KEPT
        assert match.row == order[0]
        assert match.rmse == pytest.approx(distances[order[0]], abs=1e-12)
        assert (match.second, match.second_row) == (pytest.approx(distances[apart[1]], abs=1e-12), apart[1])
        assert match.around == pytest.approx(around)
        assert match.relative == pytest.approx(match.rmse / (0.5 * around))
        assert match.ratio == pytest.approx(match.rmse / distances[apart[1]])
        assert match.tiled == pytest.approx(min(cut))
        assert match.tiled_floor <= match.tiled
        assert match.copies == (45 if order[0] < 45 else 1)


def test_copies_are_extracted_however_often_they_stand_in_the_set(matches: PixelMatches) -> None:
    """The image that stands 45 times fills all neighbours that are looked at first."""
    for rule in RULES:
        verdict = judge_extraction(matches, ExtractionPolicy.of(rule, None))
        assert {match.sample for match in verdict.extracted} == {0, 1, 2}, rule
        assert verdict.outcome == "fail"
        assert not verdict.passed


def test_where_copies_fill_everything_it_cannot_be_told(
    index: Index, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_WIDEST", 2)
    matches = match_pixels(index, Samples.of(samples[1:2]), KEPT)
    assert (matches.of[0].relative, matches.of[0].second, matches.of[0].copies) == (None, None, 40)
    verdict = judge_extraction(matches, ExtractionPolicy.of("ratio", None))
    assert (verdict.outcome, len(verdict.undecided), verdict.extracted) == ("inconclusive", 1, ())
    assert verdict.rate_upper == 1
    text = render_extraction(verdict)
    assert text.startswith("cannot tell of 1 of 1 samples whether they are extracted")
    assert "WARNING    of 1 sample it cannot be told" in text
    with pytest.raises(Inconclusive):
        assert_no_extraction(samples[1:2], index=index, neighbours=KEPT)
    assert judge_extraction(matches, ExtractionPolicy.of("rmse", None)).outcome == "fail"


def again_as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, "JPEG", quality=quality)
    return np.asarray(Image.open(encoded).convert("RGB"))


@pytest.fixture(scope="module")
def reencoded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, np.ndarray]:
    """60 images of 32 x 32, the first once more as a JPEG; and the images."""
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(60)]
    images = np.stack([np.asarray(Image.fromarray(image).resize((32, 32))) for image in coarse])
    folder = tmp_path_factory.mktemp("reencoded")
    np.save(folder / "images.npy", np.concatenate([images, again_as_jpeg(images[0], 75)[None]]))
    options = BuildOptions(embedder="pixels", pixels=32, progress=False)
    return open_index(build_index(f"npy:{folder / 'images.npy'}", folder / "index", options).index), images


def noisy(image: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, deviation, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_a_copy_of_an_image_that_stands_there_again_encoded_does_not_pass(
    reencoded: tuple[Index, np.ndarray],
) -> None:
    index, images = reencoded
    twin = float(rmse(unit_range(images[0]), unit_range(again_as_jpeg(images[0], 75))))
    assert measuring.SAME < twin <= measuring.MAYBE
    verdict = check_extraction([noisy(images[0], 6), noisy(images[1], 6), images[0]], index=index)
    first, second, third = verdict.matches.of
    assert first.ratio is not None
    assert first.ratio > LIMITS["ratio"][0] > (first.ratio_least or 1)
    assert [match.sample for match in verdict.undecided] == [0]
    assert {match.sample for match in verdict.extracted} == {second.sample, third.sample}
    alone = check_extraction([noisy(images[0], 6)], index=index)
    assert alone.outcome == "inconclusive"
    assert "are copies of it or may be (RMSE up to 0.1)" in render_extraction(alone)
    # One that is nobody's copy passes, also where the nearest may stand there twice.
    mixed = (0.5 * images[0] + 0.5 * images[7]).astype(np.uint8)
    assert check_extraction([mixed], index=index).outcome == "pass"


@pytest.mark.parametrize("rule", ["ratio", "relative"])
def test_what_a_rule_would_say_if_those_that_may_be_copies_count_once(
    matches: PixelMatches, rule: str
) -> None:
    policy, match = ExtractionPolicy.of(rule, 0.3), matches.of[5]
    for lowest, outcome in ((None, "inconclusive"), (0.29, "inconclusive"), (0.31, "pass")):
        one = replace(match, **{rule: 0.5, f"{rule}_least": lowest})
        assert judge_extraction(replace(matches, of=(one,), distinct=1), policy).outcome == outcome


@pytest.mark.parametrize(
    ("distances", "every", "found"),
    [
        ((0.0, 0.02, 0.09, 0.1, 0.11, 0.4), False, 4),
        ((0.0, 0.02, 0.03, 0.06, 0.08), True, 2),  # all are alike: what is near is not a copy for that
        ((0.0, 0.02, 0.024, 0.06, 0.09), True, 3),
        ((0.0, 0.03, 0.06, 0.1), False, 4),  # of those beyond nothing is known
        ((0.0, 0.03, 0.06, 0.12), False, 3),
        ((0.0, 0.03, 0.06, 0.12), True, 2),
        ((0.0, 0.01, 0.02), True, 3),
    ],
)
def test_which_may_be_copies(distances: tuple[float, ...], every: bool, found: int) -> None:
    said = measuring._may_be_copies(np.array(distances), every)
    assert said.tolist() == [place < found for place in range(len(distances))]


def test_a_tile_that_was_not_looked_at_may_be_nearer(matches: PixelMatches) -> None:
    match = replace(matches.of[5], tiled=0.2, tiled_floor=0.14)
    policy = ExtractionPolicy("tiled", 0.15)
    one = replace(matches, of=(match,), distinct=1)
    assert judge_extraction(one, policy).outcome == "inconclusive"
    assert judge_extraction(replace(one, of=(replace(match, tiled_floor=0.16),)), policy).outcome == "pass"
    assert judge_extraction(replace(one, of=(replace(match, tiled=0.15),)), policy).outcome == "fail"


@pytest.mark.parametrize("rule", RULES)
def test_a_limit_belongs_to_what_is_extracted_but_for_a_ratio(matches: PixelMatches, rule: str) -> None:
    match = replace(matches.of[5], rmse=0.1, tiled=0.1, tiled_floor=0.1, relative=0.1, ratio=0.1)
    match = replace(match, relative_least=0.1, ratio_least=0.1)
    one = replace(matches, of=(match,), distinct=1)
    at = judge_extraction(one, ExtractionPolicy.of(rule, 0.1))
    assert at.outcome == ("pass" if rule == "ratio" else "fail")
    assert judge_extraction(one, ExtractionPolicy.of(rule, 0.0999)).outcome == "pass"
    assert judge_extraction(one, ExtractionPolicy.of(rule, 0.1001)).outcome == "fail"


def test_a_pass_with_its_bound(index: Index, samples: np.ndarray) -> None:
    verdict = assert_no_extraction(samples[3:], index=index, neighbours=KEPT)
    assert (verdict.outcome, verdict.passed, verdict.samples) == ("pass", True, 3)
    assert verdict.rate_upper == pytest.approx(upper_bound(0, 3, 0.95))
    twice = check_extraction(np.concatenate([samples[3:]] * 2), index=index, neighbours=KEPT)
    assert twice.rate_upper == verdict.rate_upper
    assert "only 3 of 6 samples are distinct" in render_extraction(twice)
    with pytest.raises(TypeError, match="ask verdict.passed"):
        bool(verdict)


def test_the_failure_names_the_pair(index: Index, samples: np.ndarray) -> None:
    with pytest.raises(ReplicationDetected) as failure:
        assert_no_extraction(samples, "rmse", 0.06, index=index)
    text = str(failure.value)
    assert text.startswith("3 of 6 samples are extracted training images (lowest RMSE: 0.000, limit 0.06)")
    assert "images.npy#50 (RMSE 0.000, next 0." in text
    assert "rule       RMSE <= 0.06 (call)" in text
    assert "all compared pixel by pixel" in text
    assert isinstance(failure.value.verdict, ExtractionVerdict)


def test_plain_data(index: Index, samples: np.ndarray) -> None:
    verdict = check_extraction(samples, index=index, neighbours=KEPT, name="small ones")
    data = json.loads(json.dumps(extraction_data(verdict)))
    assert (data["outcome"], data["extracted"], data["undecided"], data["check"]) == (
        "fail",
        3,
        0,
        "small ones",
    )
    assert data["pairs"][0]["sample_number"] == 0
    assert len(data["nearest"]) == 6
    assert data["limit"] == pytest.approx(1 / 3)
    row = extraction_row(verdict)
    assert row["cells"][:2] == ["3 of 6 extracted", "closest 0.000"]


def test_samples_of_another_size_are_resized_and_told(index: Index, samples: np.ndarray) -> None:
    larger = [Image.fromarray(sample).resize((36, 36), Image.Resampling.NEAREST) for sample in samples]
    verdict = check_extraction(larger, index=index, neighbours=KEPT)
    assert {match.sample for match in verdict.extracted} == {0, 1, 2}
    assert "pixels     12 x 12, 6 samples resized to that" in render_extraction(verdict)


def test_removed_images_are_not_found(index: Index, samples: np.ndarray, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(index.path, tmp_path / "index"))
    remove_images(folder, ids=[index.records([50])[50].id])
    verdict = check_extraction(samples[:1], index=folder, neighbours=KEPT)
    assert verdict.outcome == "pass"
    assert "1 training image was removed from the index" in render_extraction(verdict)


def test_what_cannot_be_judged(
    index: Index, samples: np.ndarray, matches: PixelMatches, pixels_index: Index, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="stores no pixels"):
        check_extraction(samples, index=pixels_index)
    for neighbours in (0, 81):
        with pytest.raises(SettingsError, match=r"give neighbours= from 1 to 80"):
            check_extraction(samples, "relative", index=index, neighbours=neighbours)
    assert check_extraction(samples, index=index, neighbours=81).matches.neighbours == 80
    with pytest.raises(SampleError, match="are black"):
        check_extraction(np.zeros((2, 12, 12, 3)), index=index)
    with pytest.raises(UnknownName, match="no rule 'l2'"):
        check_extraction(samples, "l2", index=index)
    with pytest.raises(SettingsError, match="there is no index"):
        check_extraction(samples)
    with pytest.raises(IndexNotFound):
        check_extraction(samples, index=tmp_path)
    for limit in (0, -1.0, math.nan, 1.5, "0.1", True):
        with pytest.raises(SettingsError):
            check_extraction(samples, "ratio", limit, index=index)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="confidence"):
        check_extraction(samples, index=index, confidence=0.2)
    policy = ExtractionPolicy.of("ratio", None)
    for broken in (replace(matches, of=()), replace(matches, distinct=0)):
        with pytest.raises(SampleError):
            judge_extraction(broken, policy)
    with pytest.raises(SearchError, match="no row"):
        judge_extraction(replace(matches, searched=0), policy)
    for field in ("rmse", "relative", "tiled_floor", "ratio_least"):
        bad = replace(matches.of[0], **{field: math.nan})
        with pytest.raises(SearchError, match="no finite distance"):
            judge_extraction(replace(matches, of=(bad, *matches.of[1:])), policy)


def test_the_command_line(
    index: Index, samples: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    for number, sample in enumerate(samples):
        Image.fromarray(sample).save(folder / f"{number}.png")
    arguments = ["check", str(index.path), str(folder), "--pixels"]
    assert cli.main([*arguments, "ratio"]) == 1
    assert capsys.readouterr().out.startswith("FAIL: 3 of 6 samples are extracted training images")
    (folder / "0.png").unlink()
    (folder / "1.png").unlink()
    assert cli.main([*arguments, "rmse", "--pixel-limit", "0.001", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["outcome"], data["limit_source"], data["samples"]) == ("pass", "command line", 4)
    pinned = ["--index-fingerprint", "0" * 64]
    assert cli.main([*arguments, "rmse", "--pixel-limit", "0.001", *pinned]) == 3
    assert "this is another index" in capsys.readouterr().err
    for wrong in (["--threshold", "0.5"], ["--engine", "annoy"], ["--max-rate", "0.1"]):
        assert cli.main([*arguments, "ratio", *wrong]) == 2
        assert f"{wrong[0]} is about scores of an embedder" in capsys.readouterr().err
    assert cli.main([*arguments[:3], "--pixel-limit", "0.1"]) == 2
    assert cli.main(["check", "--pixels", "ratio"]) == 2


def test_every_rule_has_a_limit() -> None:
    assert set(LIMITS) == set(RULES)
