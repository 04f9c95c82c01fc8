"""One call for what the verb `engine` does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from pytest_replication import EngineReport, Index, cli, compact_index, make_engine, open_index, remove_images
from pytest_replication.embedders.base import Threshold
from pytest_replication.errors import BuildError, SettingsError, ThresholdMissing
from pytest_replication.search import make
from pytest_replication.search.codes import open_codes
from pytest_replication.search.engines import Refusal, built_engines, open_engine, read_entry


@pytest.fixture
def index(built_pixels: Path, tmp_path: Path) -> Index:
    return open_index(Path(shutil.copytree(built_pixels, tmp_path / "index")))


def made(index: Index | Path, name: str, *args: Any, **options: Any) -> EngineReport:
    return make_engine(index, name, *args, progress=False, **options)


def test_codes_are_made_where_they_are_missing(index: Index) -> None:
    report = made(index.path, "int8")
    assert report == EngineReport(str(index.path), "int8", shards=3, coded=3)
    assert report.certified
    assert all(open_codes(index, shard) is not None for shard in index.shards)
    assert made(index, "int8").coded == 0
    assert made(index, "int8", rebuild=True).coded == 3
    assert made(index, "int8", min_recall=0.999, confidence=0.95).coded == 0  # as the command line gives them
    for terms in ({"thresholds": 0.5}, {"planted": 4000}, {"min_recall": 0.5}, {"confidence": 0.99}):
        with pytest.raises(SettingsError, match="int8 loses nothing, so there is nothing to certify"):
            made(index, "int8", rebuild=True, **terms)


def test_the_command_line_says_which_codes_it_made(index: Index, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for more in ([], [], ["--rebuild"]):
        if said:
            shutil.rmtree(index.path / "engines" / "int8" / "000001")
        assert cli.main(["engine", str(index.path), "int8", *more]) == 0
        said.append(capsys.readouterr().out.rpartition(": ")[2].strip())
    assert said == [
        "codes of 3 shards made",
        "codes of 1 shard made, those of 2 shards were there",
        "codes of 3 shards made",
    ]


@pytest.mark.parametrize(
    "engine_name",
    ["faiss-ivf", *(pytest.param(name, marks=pytest.mark.slow) for name in ("annoy", "faiss-hnsw"))],
    indirect=True,
)
def test_an_engine_is_built_certified_and_kept(index: Index, engine_name: str) -> None:
    report = made(index.path, engine_name, [0.9, 0.95])
    assert report.certified
    assert [(one.threshold, one.planted, one.confidence) for one in report.results] == [
        (0.9, 3000, 0.95),
        (0.95, 3000, 0.95),
    ]
    assert read_entry(index, engine_name) == report.entry
    assert report.entry is not None
    assert report.entry.certificates == report.results
    again = made(index, engine_name, 0.8)
    assert again.entry is not None
    assert again.entry.created == report.entry.created
    assert [one.threshold for one in again.entry.certificates] == [0.9, 0.95, 0.8]
    anew = made(index, engine_name, 0.8, rebuild=True).entry
    assert anew is not None
    assert [one.threshold for one in anew.certificates] == [0.8]
    assert open_engine(index, engine_name).entry == anew


def test_as_many_are_planted_as_the_proof_takes(index: Index) -> None:
    pytest.importorskip("faiss")
    (result,) = made(index, "faiss-ivf", 0.9, confidence=0.99).results
    assert result.planted == pytest.approx(4603, abs=2)
    assert result.confidence == 0.99
    assert read_entry(index, "faiss-ivf").certificate_for(0.9, 0.999, 20, 0.99) == result
    with pytest.raises(SettingsError, match="3000 planted queries cannot prove a recall of 0.9999"):
        made(index, "faiss-ivf", 0.9, min_recall=0.9999, planted=3000)


def test_a_refusal_is_told(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    refusal = Refusal("faiss-ivf", 0.9, 20, 0.999, 0.95, 3000, 300, 0.8906, 8)
    monkeypatch.setattr(make, "certify", lambda *args, **options: refusal)
    report = made(index, "faiss-ivf", 0.9)
    assert not report.certified
    assert report.results == (refusal,)
    assert report.entry == read_entry(index, "faiss-ivf")


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        ((), {}, "no documented threshold to certify an engine at: give --threshold, or thresholds="),
        (([],), {}, "no thresholds"),
        ((1.5,), {}, "cannot be planted at 1.5"),
        (([0.9, float("nan")],), {}, "cannot be planted at nan"),
        ((0.9,), {"min_recall": 1.0}, "recall 1.0 must be between 0 and 1"),
        ((0.9,), {"min_recall": float("nan")}, "recall nan must be between 0 and 1"),
        ((0.9,), {"confidence": 0.5}, "confidence 0.5 from 0.95 to 1"),
        ((0.9,), {"confidence": 1.0}, "confidence 1.0 from 0.95 to 1"),
        ((0.9,), {"planted": 100}, "says too little"),
    ],
)
def test_nothing_is_built_for_what_cannot_be_certified(
    index: Index, arguments: tuple[Any, ...], options: dict[str, Any], told: str
) -> None:
    pytest.importorskip("faiss")
    with pytest.raises(SettingsError, match=told) as caught:
        made(index, "faiss-ivf", *arguments, **options)
    assert isinstance(caught.value, ThresholdMissing) == (arguments == ())
    assert built_engines(index) == []


def test_a_name_that_no_engine_has_is_an_error(index: Index) -> None:
    with pytest.raises(SettingsError, match="there is no engine 'int9'"):
        made(index, "int9", 0.9)


def test_an_index_that_has_changed_is_told(index: Index, pictures: Path) -> None:
    pytest.importorskip("faiss")
    from pytest_replication import append_index

    append_index(index.path, pictures)
    with pytest.raises(BuildError, match="has changed since it was opened"):
        made(index, "faiss-ivf", 0.9)


def test_the_threshold_of_the_embedder_is_the_default(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(index.embedder, "default_threshold", Threshold(0.85, "test"))
    (result,) = made(index, "faiss-ivf").results
    assert result.threshold == 0.85


def test_nothing_is_built_for_an_index_that_no_engine_may_search(index: Index, engine_name: str) -> None:
    remove_images(index.path, ids=["cat.jpg"])
    with pytest.raises(SettingsError, match="1 rows of .* are removed but still stored.*compact"):
        made(index.path, engine_name, 0.9)
    assert built_engines(index) == []
    compact_index(index.path)
    assert made(index.path, engine_name, 0.9).certified
