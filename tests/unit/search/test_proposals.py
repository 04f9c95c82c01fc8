"""What an approximate engine may decide, and what it may not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_replication import EngineChoice, Index, Outcome, check_replication, open_index
from pytest_replication.check import nearest
from pytest_replication.errors import IndexCorrupt, SearchError, SettingsError
from pytest_replication.index.removed import remove_images
from pytest_replication.models.samples import Samples
from pytest_replication.search.engines import (
    Certificate,
    Engine,
    EngineEntry,
    add_certificate,
    build_engine,
    certify,
    engine_class,
    open_engine,
)
from pytest_replication.search.proposals import CANDIDATES, propose

THRESHOLD = 0.9
Made = Callable[[str], tuple[Path, Certificate]]
"""The name of an engine → an index that has it, and the certificate that it got."""


@pytest.fixture
def index(built_pixels: Path, tmp_path: Path) -> Index:
    return open_index(Path(shutil.copytree(built_pixels, tmp_path / "index")))


@pytest.fixture(scope="module")
def made(built_pixels: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Builds and certifies each engine once."""

    @cache
    def make(name: str) -> tuple[Path, Certificate]:
        index = open_index(Path(shutil.copytree(built_pixels, tmp_path_factory.mktemp(name) / "index")))
        build_engine(index, name)
        result = certify(index, open_engine(index, name), THRESHOLD, k=CANDIDATES)
        assert isinstance(result, Certificate)
        return index.path, result

    return make


@pytest.fixture
def engine(index: Index, engine_name: str, made: Made) -> Engine:
    shutil.copytree(made(engine_name)[0] / "engines", index.path / "engines")
    return open_engine(index, engine_name)


@pytest.fixture
def certificate(index: Index, engine: Engine, made: Made) -> Certificate:
    result = made(engine.name)[1]
    add_certificate(index, result)
    return result


def vectors_of(index: Index) -> NDArray[np.float32]:
    return np.concatenate([shard.embeddings()[0] for shard in index.shards]).astype(np.float32)


def allowed(engine_name: str) -> EngineChoice:
    return EngineChoice(engine_name, allow_approximate=True)


def test_what_is_proposed_is_what_the_exact_scan_finds(index: Index, engine: Engine) -> None:
    from pytest_replication.search import search

    engine_found, by = propose(index, vectors_of(index), 3, EngineChoice(engine.name))
    exact = search(index, vectors_of(index), 3)
    assert (engine_found.rows[:, 0] == np.arange(20)).all()
    assert (engine_found.scores == exact.scores)[:, 0].all()
    assert engine_found.searched == 20
    assert (by.engine, by.recall) == (engine.name, None)


def test_copies_fail_on_the_word_of_an_engine_without_a_certificate(
    index: Index, engine: Engine, training: Path
) -> None:
    verdict = check_replication(training, THRESHOLD, index=index, engine=EngineChoice(engine.name))
    assert verdict.outcome is Outcome.FAIL
    assert (verdict.matches.by.engine, verdict.matches.by.recall) == (engine.name, None)
    assert len(verdict.replicated) == 20
    assert verdict.rate_upper == 1.0


def test_a_pass_rests_on_the_certificate_and_tells_it(
    index: Index, certificate: Certificate, unrelated: Path
) -> None:
    exact = check_replication(unrelated, THRESHOLD, index=index)
    verdict = check_replication(unrelated, THRESHOLD, index=index, engine=allowed(certificate.engine))
    by = verdict.matches.by
    assert verdict.outcome is Outcome.PASS
    assert (by.engine, by.recall, by.threshold) == (certificate.engine, certificate.bound, THRESHOLD)
    assert (by.planted, by.misses, by.confidence) == (3000, certificate.misses, 0.95)
    assert verdict.rate_upper == pytest.approx(exact.rate_upper / certificate.bound)
    assert (exact.confidence, verdict.confidence) == (0.95, pytest.approx(0.9))


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"allow_approximate": False}, "may not pass a check (allow-approximate is off)"),
        ({"min_recall": 0.9999}, "has no certificate of a recall of 0.9999 at 0.9"),
    ],
)
def test_without_leave_or_proof_the_exact_scan_decides(
    index: Index, certificate: Certificate, unrelated: Path, choice: dict[str, object], reason: str
) -> None:
    asked = replace(allowed(certificate.engine), **choice)  # type: ignore[arg-type]
    verdict = check_replication(unrelated, THRESHOLD, index=index, engine=asked)
    assert verdict.outcome is Outcome.PASS
    assert verdict.matches.by.exact
    assert reason in verdict.matches.by.note


def test_a_certificate_is_for_one_threshold(index: Index, certificate: Certificate, unrelated: Path) -> None:
    verdict = check_replication(unrelated, 0.91, index=index, engine=allowed(certificate.engine))
    assert verdict.matches.by.exact
    assert f"{certificate.engine} --threshold 0.91 --min-recall 0.999' measures it" in verdict.matches.by.note


def test_the_confidence_of_a_check_is_asked_of_the_certificate(
    index: Index, certificate: Certificate, unrelated: Path
) -> None:
    engine = allowed(certificate.engine)
    verdict = check_replication(unrelated, THRESHOLD, index=index, engine=engine, confidence=0.9999)
    assert verdict.matches.by.exact
    assert "at 0.9 with 0.9999 confidence" in verdict.matches.by.note
    assert "--min-recall 0.999 --confidence 0.9999' measures it" in verdict.matches.by.note
    assert verdict.confidence == 0.9999


def test_an_effort_beyond_the_exhaustive_one_is_that_one(
    index: Index, certificate: Certificate, unrelated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = replace(certificate, effort=10**9)
    monkeypatch.setattr(EngineEntry, "certificate_for", lambda self, *question: earlier)
    verdict = check_replication(unrelated, THRESHOLD, index=index, engine=allowed(certificate.engine))
    assert (verdict.outcome, verdict.matches.by.engine) == (Outcome.PASS, certificate.engine)


@pytest.mark.parametrize("min_recall", [0.0, 1.0, 7.0, -1.0, float("nan")])
def test_a_recall_that_is_none_is_an_error(
    index: Index, engine: Engine, unrelated: Path, min_recall: float
) -> None:
    choice = EngineChoice(engine.name, allow_approximate=True, min_recall=min_recall)
    with pytest.raises(SettingsError, match="is no recall between 0 and 1"):
        check_replication(unrelated, THRESHOLD, index=index, engine=choice)


def test_a_rate_that_cannot_be_told_is_left_to_the_exact_scan(
    index: Index, engine: Engine, training: Path, unrelated: Path
) -> None:
    samples = [*sorted(training.iterdir())[:1], *sorted(unrelated.iterdir())]
    found = check_replication(samples, THRESHOLD, max_rate=0.2, index=index, engine=EngineChoice(engine.name))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.matches.by.exact


def test_an_engine_that_overlooks_the_copies_turns_nothing_green(
    index: Index, engine: Engine, training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(engine), "_propose", lambda self, queries, k: np.full((len(queries), k), 7))
    copies = [path for path in sorted(training.iterdir()) if path != sorted(training.iterdir())[7]]
    verdict = check_replication(copies, THRESHOLD, index=index, engine=allowed(engine.name))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.matches.by.exact
    assert len(verdict.replicated) == 19


def test_an_engine_that_finds_nothing_decides_nothing(
    index: Index, certificate: Certificate, unrelated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = lambda self, queries, k: np.full((len(queries), k), -1)  # noqa: E731
    monkeypatch.setattr(engine_class(certificate.engine), "_propose", nothing)
    verdict = check_replication(unrelated, THRESHOLD, index=index, engine=allowed(certificate.engine))
    assert verdict.matches.by.exact
    assert "proposes no training image at all for 11 samples" in verdict.matches.by.note


def test_removed_images_are_left_to_the_exact_scan(
    index: Index, certificate: Certificate, training: Path
) -> None:
    gone = min(training.iterdir())
    remove_images(index.path, ids=[gone.name])
    verdict = check_replication(
        [gone], THRESHOLD, index=open_index(index.path), engine=allowed(certificate.engine)
    )
    assert verdict.matches.by.exact
    assert verdict.outcome is Outcome.PASS
    assert "1 rows of" in verdict.matches.by.note
    assert "compact" in verdict.matches.by.note


def test_an_engine_that_is_not_there_or_damaged_decides_nothing(
    index: Index, engine_name: str, unrelated: Path
) -> None:
    verdict = check_replication(unrelated, THRESHOLD, index=index, engine=allowed(engine_name))
    assert verdict.matches.by.exact
    assert f"has no {engine_name} engine: build it with 'pytest-replication engine" in verdict.matches.by.note
    entry = build_engine(index, engine_name)
    path = index.path / "engines" / engine_name / min(entry.files)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    verdict = check_replication(unrelated, THRESHOLD, index=index, engine=allowed(engine_name))
    assert verdict.matches.by.exact
    assert "has changed since it was written" in verdict.matches.by.note


def test_a_name_that_no_engine_has_is_an_error(index: Index, unrelated: Path) -> None:
    with pytest.raises(SettingsError, match="there is no engine 'anoy'; known are exact, annoy"):
        check_replication(unrelated, THRESHOLD, index=index, engine=allowed("anoy"))


def test_damaged_vectors_are_an_error_whatever_searches(
    index: Index, certificate: Certificate, unrelated: Path
) -> None:
    path = index.shards[0].embeddings_path
    content = bytearray(path.read_bytes())
    content[-3] ^= 64
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="has changed since it was written"):
        check_replication(
            unrelated, THRESHOLD, index=open_index(index.path), engine=allowed(certificate.engine)
        )


def test_neighbours_are_shown_as_an_engine_finds_them(index: Index, engine: Engine, training: Path) -> None:
    samples = Samples.of(training)
    found = nearest(samples, index, 2, engine=engine.name)
    assert found.by.engine == engine.name
    assert [matches[0].record.id for matches in found.of] == [Path(path).name for path in samples.names]
    with pytest.raises(SearchError, match="has no"):
        shutil.rmtree(index.path / "engines" / engine.name)
        nearest(samples, index, 2, engine=engine.name)
