from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_run import MadeRun
from PIL import Image

from pytest_replication import (
    Inconclusive,
    Outcome,
    ReplicationDetected,
    assert_no_replication,
    assert_replication_rate_below,
    check_extraction,
    check_replication,
    open_index,
)
from pytest_replication.errors import IndexMismatch, SampleError, SettingsError, ThresholdMissing
from pytest_replication.index import Index
from pytest_replication.index.imported import ImportOptions, import_index
from pytest_replication.models import Samples
from pytest_replication.surroundings import current, surrounded_by


@pytest.fixture(scope="session")
def copies(training: Path) -> list[Image.Image]:
    """Two training photographs, resized."""
    images = []
    for name in ("cat.jpg", "coffee.jpg"):
        with Image.open(training / name) as image:
            images.append(image.convert("RGB").resize((200, 150)))
    return images


def test_copies_are_found_with_the_image_that_they_copy(
    pixels_index: Index, copies: list[Image.Image]
) -> None:
    verdict = check_replication(copies, 0.9, index=pixels_index)
    assert verdict.outcome is Outcome.FAIL
    assert {m.sample: m.record.id for m in verdict.replicated} == {0: "cat.jpg", 1: "coffee.jpg"}
    assert verdict.matches.searched == 20
    assert len(verdict.matches.of[0]) == 5


def test_unrelated_photographs_pass(pixels_index: Index, unrelated: Path) -> None:
    verdict = assert_no_replication(unrelated, 0.9, index=pixels_index)
    assert verdict.outcome is Outcome.PASS
    assert verdict.rate_upper == pytest.approx(1 - 0.05 ** (1 / 11))


def test_every_form_of_samples_gives_the_same_scores(pixels_index: Index, copies: list[Image.Image]) -> None:
    array = np.stack([np.asarray(image) for image in copies])
    forms = [copies, array, array / 255]
    scores = [[m.score for m in check_replication(f, 0.9, index=pixels_index).matches.best] for f in forms]
    assert scores[1] == scores[0]
    assert scores[2] == pytest.approx(scores[0], abs=1e-4)


def test_an_index_may_be_given_by_its_folder(built_pixels: Path, copies: list[Image.Image]) -> None:
    for index in (built_pixels, str(built_pixels)):
        assert check_replication(copies, 0.9, index=index).outcome is Outcome.FAIL


def test_the_assertion_raises_with_the_verdict(pixels_index: Index, copies: list[Image.Image]) -> None:
    with pytest.raises(ReplicationDetected, match="2 of 2 samples replicate training images") as caught:
        assert_no_replication(copies, threshold=0.9, index=pixels_index)
    assert caught.value.verdict.samples == 2
    assert isinstance(caught.value, AssertionError)


def test_a_claim_that_is_not_proved_is_inconclusive(pixels_index: Index, unrelated: Path) -> None:
    with pytest.raises(Inconclusive, match="inconclusive") as caught:
        assert_no_replication(unrelated, 0.9, max_rate=0.1, index=pixels_index)
    assert caught.value.verdict.needed == 29
    assert not isinstance(caught.value, AssertionError)


def test_a_rate_is_claimed_by_sample_or_by_prompt(
    pixels_index: Index, unrelated: Path, copies: list[Image.Image]
) -> None:
    samples = Samples.of(unrelated, prompts=[f"p{i // 2}" for i in range(11)])
    verdict = assert_replication_rate_below(samples, 0.4, 0.9, per="prompt", index=pixels_index)
    assert (verdict.tally.prompts, verdict.policy.per) == (6, "prompt")
    assert verdict.matches.subject.prompts == samples.prompts
    with pytest.raises(Inconclusive, match="about 29 samples"):
        assert_replication_rate_below(unrelated, 0.1, 0.9, index=pixels_index)
    with pytest.raises(ReplicationDetected, match="2 distinct training images replicated"):
        assert_replication_rate_below(copies, 0.1, 0.9, index=pixels_index)
    with pytest.raises(SettingsError, match="no number of samples proves a rate of 0"):
        assert_replication_rate_below(copies, 0.0, 0.9, index=pixels_index)


def test_without_an_index_there_is_no_verdict(copies: list[Image.Image]) -> None:
    with pytest.raises(SettingsError, match="give index="):
        check_replication(copies, 0.9)


def test_an_embedder_without_a_default_needs_a_threshold(
    pixels_index: Index, copies: list[Image.Image]
) -> None:
    with pytest.raises(ThresholdMissing, match="pixels.*has no documented one"):
        check_replication(copies, index=pixels_index)


def test_sscd_has_the_threshold_of_the_paper(sscd_index: Index, copies: list[Image.Image]) -> None:
    verdict = check_replication(copies, index=sscd_index)
    assert verdict.policy.threshold == 0.5
    assert "Somepalli et al." in verdict.policy.threshold_source


def test_a_run_gives_what_the_call_leaves_open(pixels_index: Index, copies: list[Image.Image]) -> None:
    run = MadeRun(pixels_index, (0.99999, "ini file"), given_rate=(0.7, "command line"))
    with surrounded_by(run):
        open_call = check_replication(copies, name="two copies")
        full_call = assert_no_replication(copies, 1.0, max_rate=0.0)
    assert (open_call.policy.threshold, open_call.policy.threshold_source) == (0.99999, "ini file")
    assert (open_call.policy.max_rate, open_call.policy.max_rate_source) == (0.7, "command line")
    assert (full_call.policy.threshold_source, full_call.policy.max_rate_source) == ("call", "call")
    assert run.verdicts == [(open_call, False), (full_call, True)]
    assert open_call.matches.subject.check == "two copies"


def test_surroundings_end_with_their_block(pixels_index: Index) -> None:
    outer, inner = MadeRun(pixels_index), MadeRun(pixels_index)
    with surrounded_by(outer):
        with surrounded_by(inner):
            assert current() is inner
        assert current() is outer


def test_zero_samples_are_an_error(pixels_index: Index) -> None:
    with pytest.raises(SampleError, match="nothing can pass"):
        assert_no_replication([], 0.5, index=pixels_index)


def test_more_samples_than_a_batch_keep_their_order(
    pixels_index: Index, picture: Callable[..., Image.Image], training: Path
) -> None:
    samples = [picture(seed) for seed in range(300)]
    with Image.open(training / "cat.jpg") as cat:
        samples[277] = cat.convert("RGB")
    verdict = check_replication(samples, 0.98, index=pixels_index)
    assert [m.sample for m in verdict.replicated] == [277]


@pytest.fixture
def unproved(built_pixels: Path, training: Path, tmp_path: Path) -> Index:
    """An index of imported vectors that nothing proves."""
    shards = open_index(built_pixels).shards
    np.save(tmp_path / "v.npy", np.concatenate([shard.embeddings()[0][:, 0] for shard in shards]))
    import_index(f"npy:{tmp_path / 'v.npy'}", tmp_path / "unproved", ImportOptions(embedder="pixels"))
    return open_index(tmp_path / "unproved")


def test_an_unproved_import_passes_only_where_that_is_allowed(unproved: Index, unrelated: Path) -> None:
    for rate in (0.0, 0.1):
        with pytest.raises(
            IndexMismatch, match=r"nothing proves that pixels made .* --images FOLDER .*allow"
        ):
            assert_no_replication(unrelated, 0.9, max_rate=rate, index=unproved)
    assert assert_no_replication(unrelated, 0.9, index=unproved, allow_unproved=True).passed
    run = MadeRun(unproved, (0.9, "ini file"), unproved_allowed=True)
    with surrounded_by(run):
        assert assert_no_replication(unrelated).policy.allow_unproved
        with pytest.raises(IndexMismatch):
            assert_no_replication(unrelated, allow_unproved=False)


def test_a_copy_in_an_unproved_import_is_a_failure(unproved: Index, training: Path) -> None:
    with pytest.raises(ReplicationDetected, match="WARNING    vectors of the index were imported"):
        assert_no_replication(training, 0.9, index=unproved)


def test_a_word_does_not_allow_it(unproved: Index, unrelated: Path) -> None:
    with pytest.raises(SettingsError, match="allow_unproved is 'no'; expected True or False"):
        check_replication(unrelated, 0.9, index=unproved, allow_unproved="no")  # type: ignore[arg-type]


def test_a_check_of_pixels_is_noted_and_a_broken_one_breaks_the_run(pixels_index: Index) -> None:
    run = MadeRun(pixels_index)
    with surrounded_by(run), pytest.raises(SettingsError, match="stores no pixels"):
        check_extraction([Image.new("RGB", (8, 8), "red")])
    assert (run.breaks, run.noted) == (1, [])
