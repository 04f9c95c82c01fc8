"""A benchmark from sets to rows: cached, resumed, and equal to what its parts give by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.benchmark import features as features_module
from pytest_replication.benchmark import figures as figures_module
from pytest_replication.benchmark import ranked as ranked_module
from pytest_replication.benchmark import scores as scores_module
from pytest_replication.benchmark import task as task_module
from pytest_replication.benchmark.features import Features, digest_of, features
from pytest_replication.benchmark.figures import draw_curves, draw_heat_map
from pytest_replication.benchmark.metrics import masks, summarise
from pytest_replication.benchmark.results import (
    Row,
    add_results,
    as_csv,
    as_table,
    as_thresholds,
    read_results,
)
from pytest_replication.benchmark.run import run_benchmark
from pytest_replication.benchmark.scores import score_named, slices_of
from pytest_replication.benchmark.sets import Picture, Query, RetrievalSet
from pytest_replication.embedders import Embedder, EmbedderOptions, load_embedder, registry
from pytest_replication.embedders.base import EmbedderSpec, Prepared
from pytest_replication.errors import BenchmarkError, EmbedderError, SettingsError, UnknownName
from pytest_replication.scoring.rerank import SPLIT_SCORES

PROBES = 8
"""Images that prove an extractor: four, together and alone."""


class Cells(Embedder):
    """Mean colours of 2 x 2 cells: four tokens of three numbers."""

    token_shape = (4, 3)
    batch_size = 3
    calls = 0

    def __init__(self) -> None:
        self.spec = EmbedderSpec("cells", 12, None, "2 x 2 cells", "cells")

    def prepare(self, image: Image.Image) -> Prepared:
        return np.asarray(image.resize((2, 2), Image.Resampling.BOX), np.float32) - 100

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        Cells.calls += len(batch)
        return np.stack(batch).reshape(len(batch), -1)

    def tokens(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        return np.stack(batch).reshape(len(batch), 4, 3)


@pytest.fixture(autouse=True)
def cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._registered, "cells", lambda options: Cells())
    monkeypatch.setattr(Cells, "calls", 0)
    monkeypatch.setattr(features_module, "CHUNK", 4)


@pytest.fixture
def pictures(training: Path) -> list[Picture]:
    return [Picture(path.name, path) for path in sorted(training.iterdir())]


@pytest.fixture
def made(pictures: list[Picture], unrelated: Path) -> RetrievalSet:
    """Five training images look for themselves, two strangers look for nothing."""
    strangers = [Picture(path.name, path) for path in sorted(unrelated.iterdir())[:2]]
    found = [Query(picture, frozenset({picture.id})) for picture in pictures[:5]]
    return RetrievalSet("itself", (*found, *(Query(p, frozenset()) for p in strangers)), tuple(pictures[:9]))


def test_rows_are_what_the_parts_give_by_hand(made: RetrievalSet, tmp_path: Path) -> None:
    (row,) = run_benchmark([made], ["pixels"], ["inner"], tmp_path, progress=False)
    embedder = load_embedder("pixels")

    def embed(pictures: Sequence[Picture]) -> NDArray[np.float32]:
        return embedder.embed([embedder.prepare(picture.load()) for picture in pictures])

    scores = embed([query.picture for query in made.queries]) @ embed(made.database).T
    assert dict(row.metrics) == pytest.approx(summarise(scores, *masks(made)))
    assert row.metrics["accuracy@1"] == 1.0
    assert (row.set, row.extractor, row.score, row.queries, row.database) == (
        "itself",
        "pixels",
        "inner",
        7,
        9,
    )
    assert row.curve[-1][0] == 1.0


def test_nothing_is_embedded_or_measured_twice(
    made: RetrievalSet, pictures: list[Picture], tmp_path: Path
) -> None:
    first = run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)
    assert Cells.calls == PROBES + 7 + 9
    assert run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False) == first
    Cells.calls = 0
    both = run_benchmark(
        [made], ["cells"], ["inner", "inner+norm"], tmp_path, background=pictures[9:12], progress=False
    )
    assert Cells.calls == PROBES + 3
    assert both[0] == first[0]
    assert read_results(tmp_path / "results.json") == both


def test_a_run_that_was_killed_goes_on(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = Cells.forward

    def dying(self: Cells, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        if Cells.calls >= PROBES + 8:
            raise KeyboardInterrupt
        return forward(self, batch)

    monkeypatch.setattr(Cells, "forward", dying)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)
    kept = len(list((tmp_path / "features").rglob("vectors-*.npy")))
    assert kept == 2
    monkeypatch.setattr(Cells, "forward", forward)
    Cells.calls = 0
    run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)
    assert Cells.calls == PROBES + 16 - 4 - 3  # two chunks of the queries were there


def test_another_picture_under_the_same_name_is_embedded_again(
    made: RetrievalSet, tmp_path: Path, picture: Callable[..., Image.Image]
) -> None:
    own = tmp_path / "own.png"
    picture(1).save(own)
    changed = replace(made, database=(*made.database[:8], Picture("own", own)))
    before = run_benchmark([changed], ["cells"], ["inner"], tmp_path / "out", progress=False)
    picture(2).save(own)
    calls = Cells.calls
    after = run_benchmark([changed], ["cells"], ["inner"], tmp_path / "out", progress=False)
    assert Cells.calls == calls + PROBES + 9
    assert before[0].key != after[0].key


def test_tokens_are_kept_where_a_score_needs_them(made: RetrievalSet, tmp_path: Path) -> None:
    rows = run_benchmark(
        [made],
        ["cells", "pixels"],
        ["inner", "split", "cross", "split-concat", "cross-concat"],
        tmp_path,
        progress=False,
    )
    # 769 is a prime number: the vector of pixels has no equal slices.
    assert [(row.extractor, row.score) for row in rows] == [
        ("cells", "inner"),
        ("cells", "split"),
        ("cells", "cross"),
        ("cells", "split-concat"),
        ("cells", "cross-concat"),
        ("pixels", "inner"),
    ]
    assert rows[1].metrics["accuracy@1"] == 1.0


def test_scores_of_parts_are_those_of_all_chunks_at_once(pictures: list[Picture], tmp_path: Path) -> None:
    from pytest_replication.scoring import split_product

    found = features(pictures[:9], Cells(), tmp_path, tokens=True, progress=False)
    assert found.tokens is not None
    assert [len(part) for part in found.tokens] == [4, 4, 1]
    whole = np.concatenate(found.tokens)
    assert score_named("split").compare(found, found).matrix == pytest.approx(
        split_product(whole, whole), abs=1e-6
    )
    without = Features(found.vectors)
    assert score_named("split").compare(without, without).matrix.shape == (9, 9)


def test_background_changes_scores_as_defined(pictures: list[Picture], tmp_path: Path) -> None:
    embedder = load_embedder("pixels")
    one, two, behind = (
        features(p, embedder, tmp_path, progress=False) for p in (pictures[:4], pictures[4:9], pictures[9:])
    )
    plain = score_named("inner").compare(one, two).matrix
    nearest = -np.sort(-(one.vectors @ behind.vectors.T), axis=1)[:, :3]
    normalised = score_named("inner+norm").compare(one, two, behind).matrix
    assert normalised == pytest.approx(plain - nearest.mean(axis=1)[:, None], abs=1e-6)
    centred = [side.vectors - behind.vectors.mean(axis=0) for side in (one, two)]
    a, b = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in centred)
    assert score_named("inner+centre").compare(one, two, behind).matrix == pytest.approx(a @ b.T, abs=1e-5)
    assert score_named("inner+whiten+norm").compare(one, two, behind).matrix.shape == (4, 5)
    assert score_named("inner+pca").compare(one, two, behind).matrix.shape == (4, 5)


@pytest.mark.parametrize("name", ["", "dot", "split+norm", "inner+", "inner+norm+whiten", "inner+whiten+pca"])
def test_a_score_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="there is no score"):
        score_named(name)


def test_scores_of_parts_have_the_names_that_search_has() -> None:
    assert tuple(scores_module._PARTS) == SPLIT_SCORES


def test_slices_divide_the_vector() -> None:
    assert [slices_of(dim) for dim in (512, 64, 7, 769, 30, 2 * 16)] == [16, 4, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sets": []}, "no sets are no benchmark"),
        ({"embedders": []}, "0 extractors and 1 scores are no benchmark"),
        ({"scores": []}, "1 extractors and 0 scores"),
        ({"sets": "twice"}, "two sets are named itself"),
        ({"embedders": ["pixels", "cells", "pixels"]}, "two extractors are pixels"),
        ({"scores": ["inner+norm"]}, "the score inner.norm needs a background set"),
        ({"scores": ["split"]}, "none of the scores split fits any of pixels"),
    ],
)
def test_a_benchmark_that_cannot_be_is_refused(
    made: RetrievalSet, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {"sets": [made], "embedders": ["pixels"], "scores": ["inner"], **changes}
    if arguments["sets"] == "twice":
        arguments["sets"] = [made, made]
    with pytest.raises((BenchmarkError, SettingsError), match=message):
        run_benchmark(
            arguments["sets"], arguments["embedders"], arguments["scores"], tmp_path, progress=False
        )


def test_a_score_without_its_background_is_refused(pictures: list[Picture], tmp_path: Path) -> None:
    found = features(pictures[:2], load_embedder("pixels"), tmp_path, progress=False)
    with pytest.raises(BenchmarkError, match="needs a background set"):
        score_named("inner+norm").compare(found, found)
    with pytest.raises(SettingsError, match="asks for 3 neighbours"):
        _ = score_named("inner+norm").compare(found, found, found).matrix


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY nonsense"])
def test_a_damaged_cache_is_told(made: RetrievalSet, tmp_path: Path, damage: bytes) -> None:
    run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)
    (tmp_path / "results.json").unlink()
    next((tmp_path / "features").rglob("vectors-00000.npy")).write_bytes(damage)
    with pytest.raises(BenchmarkError, match="is damaged .* delete it, it is made again"):
        run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)


def test_a_cache_of_another_shape_is_told(made: RetrievalSet, tmp_path: Path) -> None:
    run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)
    (tmp_path / "results.json").unlink()
    np.save(next((tmp_path / "features").rglob("vectors-00000.npy")), np.ones((1, 12), np.float32))
    with pytest.raises(BenchmarkError, match=r"has shape \(1, 12\), expected \(4, 12\)"):
        run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)


def test_pictures_and_places_that_cannot_be_used_are_told(
    made: RetrievalSet, pictures: list[Picture], tmp_path: Path
) -> None:
    gone = replace(made, database=(*made.database, Picture("gone", tmp_path / "gone.png")))
    with pytest.raises(BenchmarkError, match=r"the picture .*gone\.png cannot be read"):
        run_benchmark([gone], ["cells"], ["inner"], tmp_path, progress=False)
    (tmp_path / "file").touch()
    with pytest.raises(BenchmarkError, match="cannot be written"):
        features(pictures[:1], load_embedder("pixels"), tmp_path / "file", progress=False)
    with pytest.raises(BenchmarkError, match="cannot be written"):
        add_results(tmp_path / "file" / "results.json", [])


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 9, "rows": []}', '{"format": 2, "rows": [{}]}'])
def test_damaged_results_are_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(BenchmarkError, match="is damaged"):
        read_results(tmp_path / "results.json")


def test_results_are_shown_as_table_and_csv(made: RetrievalSet, tmp_path: Path) -> None:
    others = replace(made, name="other", queries=made.queries[:5])
    rows = run_benchmark([made, others], ["pixels", "cells"], ["inner"], tmp_path, progress=False)
    lines = as_table(rows, "accuracy@1").splitlines()
    assert lines[0] == "| accuracy@1 | itself | other |"
    assert lines[2].startswith("| pixels, inner | **1.000** | **1.000** |")
    empty = as_table(rows, "recall at false-positive rate 1 %").splitlines()[2]
    assert empty.endswith("|  |")  # a set without negatives has no such rate
    table = [line.split(",") for line in as_csv(rows).splitlines()]
    assert table[0][:5] == ["set", "extractor", "score", "queries", "database"]
    assert [line[:3] for line in table[1:]] == [
        ["itself", "pixels", "inner"],
        ["other", "pixels", "inner"],
        ["itself", "cells", "inner"],
        ["other", "cells", "inner"],
    ]
    with pytest.raises(BenchmarkError, match="there is no metric 'mAPP'"):
        as_table(rows, "mAPP")


def test_figures_are_drawn(made: RetrievalSet, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = run_benchmark([made], ["pixels", "cells"], ["inner", "split"], tmp_path, progress=False)
    draw_curves(rows, tmp_path / "curves.png")
    draw_heat_map(rows, "mAP", tmp_path / "map.png")
    for name in ("curves.png", "map.png"):
        with Image.open(tmp_path / name) as image:
            assert image.size[0] > 200
            assert len(image.convert("RGB").getcolors(1 << 20) or []) > 10
    with pytest.raises(BenchmarkError, match="cannot be written"):
        draw_heat_map(rows, "mAP", tmp_path / "missing" / "map.png")


def test_options_reach_the_factory(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[EmbedderOptions] = []
    monkeypatch.setitem(registry._registered, "seen", lambda options: seen.append(options) or Cells())
    run_benchmark([made], ["seen?a=1:x"], ["inner"], tmp_path, device="cpu", progress=False)
    assert (seen[0].argument, seen[0].device, dict(seen[0].parameters)) == ("x", "cpu", {"a": "1"})
    assert json.loads((tmp_path / "results.json").read_text())["rows"][0]["extractor"] == "cells"


class Numbered(Cells):
    """Cells of other weights, and of another preprocessing."""

    def __init__(self, argument: str) -> None:
        self.spec = EmbedderSpec("cells", 12, argument * 64, f"cells {argument}", argument)

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        return super().forward(batch) * np.arange(1, 13) ** int(self.spec.location, 16)


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._registered, "numbered", lambda options: Numbered(options.argument))


@pytest.mark.usefixtures("numbered")
def test_extractors_of_one_name_are_told_apart(made: RetrievalSet, tmp_path: Path) -> None:
    rows = run_benchmark([made], ["numbered:1", "numbered:2"], ["inner"], tmp_path, progress=False)
    assert [row.extractor for row in rows] == ["numbered:1", "numbered:2"]
    assert [line.split(",")[0] for line in as_table(rows, "mAP").splitlines()[2:]] == [
        "| numbered:1",
        "| numbered:2",
    ]
    assert read_results(tmp_path / "results.json") == rows
    assert [(row.weights_sha256, row.preprocessing) for row in rows] == [
        ("1" * 64, "cells 1"),
        ("2" * 64, "cells 2"),
    ]
    head, *lines = (line.split(",") for line in as_csv(rows).splitlines())
    assert head[-3:] == ["weights_sha256", "preprocessing", "key"]
    assert [line[-3:] for line in lines] == [[row.weights_sha256, row.preprocessing, row.key] for row in rows]
    (alone,) = run_benchmark([made], ["numbered:1"], ["inner"], tmp_path, progress=False)
    assert (alone.extractor, alone.key) == ("cells", rows[0].key)


def test_an_extractor_that_gives_other_vectors_is_not_answered_from_the_cache(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)
    forward = Cells.forward
    monkeypatch.setattr(
        Cells, "forward", lambda self, batch: forward(self, batch) * (1 + 1e-6 * np.arange(12))
    )
    assert run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False) == [before]  # rounding
    monkeypatch.setattr(Cells, "forward", lambda self, batch: forward(self, batch)[:, ::-1] ** 3)
    Cells.calls = 0
    (after,) = run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)
    assert Cells.calls == PROBES + 16
    assert after.key != before.key


@pytest.mark.parametrize("name", ["__version__", "VERSION"])
def test_results_of_another_version_are_measured_again(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (before,) = run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)
    monkeypatch.setattr(task_module, name, "next")
    (after,) = run_benchmark([made], ["cells"], ["inner"], tmp_path, progress=False)
    assert after.key != before.key


def test_pictures_are_read_once_for_all_scores(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    sha256 = Picture.sha256
    monkeypatch.setattr(Picture, "sha256", lambda self: read.append(self.id) or sha256(self))
    run_benchmark([made], ["cells", "pixels"], ["inner", "split", "cross"], tmp_path, progress=False)
    assert len(read) == 7 + 9


def test_tokens_of_any_size_are_kept(
    pictures: list[Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = features(pictures[:3], Cells(), tmp_path / "small", tokens=True, progress=False)
    tokens = Cells.tokens
    monkeypatch.setattr(Cells, "tokens", lambda self, batch: tokens(self, batch) * np.float32(1e6))
    large = features(pictures[:3], Cells(), tmp_path / "large", tokens=True, progress=False)
    assert small.tokens is not None
    assert large.tokens is not None
    assert np.isfinite(large.tokens[0]).all()
    split = score_named("split")
    assert split.compare(large, large).matrix == pytest.approx(split.compare(small, small).matrix, abs=1e-3)


def test_a_background_with_images_of_the_database_is_refused(
    made: RetrievalSet, pictures: list[Picture], tmp_path: Path
) -> None:
    behind = [*pictures[9:12], pictures[2]]
    with pytest.raises(
        BenchmarkError,
        match=rf"1 of 4 background images show pictures of the sets, .*: {pictures[2].path} \(database of "
        rf"itself: {pictures[2].id}\): leave them out",
    ):
        run_benchmark([made], ["cells"], ["inner+norm"], tmp_path, background=behind, progress=False)
    assert Cells.calls == 0  # pictures are compared first
    assert run_benchmark([made], ["pixels"], ["inner"], tmp_path, background=behind, progress=False)


def test_background_images_that_come_near_are_counted(
    made: RetrievalSet, pictures: list[Picture], tmp_path: Path
) -> None:
    edited = tmp_path / "edited.png"
    with Image.open(pictures[2].path) as image:
        image.point(lambda value: max(0, value - 9)).save(edited)
    behind = [*pictures[9:12], Picture("edited", edited)]
    said: list[str] = []
    told = run_benchmark(
        [made],
        ["pixels"],
        ["inner", "inner+norm"],
        tmp_path,
        background=behind,
        progress=False,
        say=said.append,
    )
    assert "background" not in told[0].about
    about = told[1].about["background"]
    assert about == {
        "name": "",
        "images": 4,
        "sha256": digest_of(behind),
        "near_database": 1,
        "near_queries": 1,
    }
    assert [text.count(f"({edited} and {pictures[2].path})") for text in said] == [1, 1]
    assert [text.split(" in the ")[1].split()[0] for text in said] == ["database", "queries"]


def test_a_background_with_queries_is_refused_by_their_pixels_and_by_their_vectors(
    made: RetrievalSet, pictures: list[Picture], tmp_path: Path
) -> None:
    negatives = [query.picture for query in made.queries[5:]]
    behind = [*pictures[9:12], *negatives]
    with pytest.raises(
        BenchmarkError, match=r"2 of 5 background images show pictures .*queries of itself: "
    ) as caught:
        run_benchmark([made], ["cells"], ["inner+norm"], tmp_path, background=behind, progress=False)
    assert all(str(picture.path) in str(caught.value) for picture in negatives)
    assert Cells.calls == 0
    again = tmp_path / "again.png"
    # What the extractor takes for the same, though it shows something else.
    negatives[0].load().resize((2, 2), Image.Resampling.BOX).resize((64, 64), 0).save(again)
    behind = [*pictures[9:12], Picture("again", again)]
    with pytest.raises(BenchmarkError, match="in the queries of itself, or cells takes them for the same"):
        run_benchmark([made], ["cells"], ["inner+norm"], tmp_path, background=behind, progress=False)


def test_negatives_that_come_near_the_database_are_told(
    made: RetrievalSet, pictures: list[Picture], tmp_path: Path
) -> None:
    small = tmp_path / "small.png"
    with Image.open(pictures[7].path) as image:
        image.resize((96, 64)).save(small)
    bad = replace(made, queries=(*made.queries, Query(Picture("small", small), frozenset())))
    said: list[str] = []
    run_benchmark([bad], ["pixels"], ["inner"], tmp_path, progress=False, say=said.append)
    assert len(said) == 2
    assert "1 of 3 queries of itself that should find nothing show a picture" in said[0]
    assert f"at whatever size: small = {pictures[7].id}; leave them out of --others" in said[0]
    assert "1 of 3 queries of itself that should find nothing come to 0.95" in said[1]
    assert f"({small} and {pictures[7].path})" in said[1]


@pytest.mark.parametrize("score", ["inner", "inner+norm", "inner+whiten", "split", "cross-concat"])
def test_blocks_of_queries_give_what_the_whole_gives(
    made: RetrievalSet,
    pictures: list[Picture],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    score: str,
) -> None:
    def measured() -> Row:
        (row,) = run_benchmark(
            [made], ["cells"], [score], tmp_path, background=pictures[9:15], progress=False
        )
        (tmp_path / "results.json").unlink()
        return row

    whole = measured()
    monkeypatch.setattr(ranked_module, "CELLS", 27)  # three queries at a time: across chunks of features
    blocks = measured()
    assert blocks.metrics == pytest.approx(whole.metrics)
    assert blocks.curve[-1] == pytest.approx(whole.curve[-1])


def test_a_block_is_never_empty(made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = run_benchmark([made], ["pixels"], ["inner"], tmp_path / "1", progress=False)
    monkeypatch.setattr(ranked_module, "CELLS", 1)
    (one,) = run_benchmark([made], ["pixels"], ["inner"], tmp_path / "2", progress=False)
    assert one.metrics == pytest.approx(whole.metrics)


class Unfit(Cells):
    """Cells that subtract the mean of the batch, or are random, or constant."""

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        rows = super().forward(batch)
        match self.spec.location:
            case "mean":
                return rows - 0.5 * rows.mean(axis=0)
            case "random":
                return np.random.default_rng().normal(size=rows.shape).astype(np.float32)
            case _:
                return np.ones_like(rows)


@pytest.mark.parametrize(
    ("kind", "message"),
    [("mean", "alone than in a batch"), ("random", "it is random"), ("constant", "the same vector")],
)
def test_an_extractor_that_build_refuses_is_not_measured(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, message: str
) -> None:
    def load(options: EmbedderOptions) -> Embedder:
        embedder = Unfit()
        embedder.spec = replace(embedder.spec, location=options.argument)
        return embedder

    monkeypatch.setitem(registry._registered, "unfit", load)
    with pytest.raises(EmbedderError, match=message):
        run_benchmark([made], [f"unfit:{kind}"], ["inner"], tmp_path, progress=False)
    assert not (tmp_path / "results.json").exists()


def test_rows_say_which_parts_were_compared(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bits, "bits", False)
    monkeypatch.setitem(registry._registered, "bits", lambda options: Bits())
    rows = run_benchmark([made], ["cells", "bits"], ["inner", "split"], tmp_path, progress=False)
    parts = [(row.about.get("chunks"), row.about.get("chunks_of")) for row in rows]
    assert parts == [(None, None), (4, "tokens"), (None, None), (16, "slices")]
    assert [row.way for row in rows] == [
        "cells, inner",
        "cells, split",
        "bits, inner",
        "bits, split (16 slices)",
    ]
    assert "| bits, split (16 slices) | " in as_table(rows, "mAP")


def test_slices_do_not_stand_in_for_tokens_that_a_preset_hides(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bits, "bits", False)
    monkeypatch.setattr(Bits, "hides_tokens", True)
    monkeypatch.setitem(registry._registered, "bits", lambda options: Bits())
    said: list[str] = []
    (row,) = run_benchmark([made], ["bits"], ["inner", "split"], tmp_path, progress=False, say=said.append)
    assert row.score == "inner"
    assert re.fullmatch("the score split is left out for bits, whose tokens the preset .* hides, .*", said[0])


def test_thresholds_stand_beside_the_metrics_that_have_one(made: RetrievalSet, tmp_path: Path) -> None:
    strangers = [made.queries[5].picture, made.queries[6].picture]
    many = tuple(Query(replace(strangers[n % 2], id=f"stranger {n}"), frozenset()) for n in range(100))
    (row,) = run_benchmark(
        [replace(made, queries=(*made.queries[:5], *many))], ["cells"], ["inner"], tmp_path, progress=False
    )
    rate, low = "recall at false-positive rate 1 %", "recall at false-positive rate 0.1 %"
    assert row.metrics["recall at precision 90 %"] == row.metrics[rate] == 1.0
    assert row.thresholds["recall at precision 90 %"] == pytest.approx(1, abs=2e-6)
    assert row.thresholds[rate] == pytest.approx(1, abs=2e-6)
    assert row.thresholds[low] is row.metrics[low] is None
    header, line = (text.split(",") for text in as_csv([row]).splitlines())
    assert float(line[header.index(f"threshold: {rate}")]) == pytest.approx(1, abs=2e-6)
    assert read_results(tmp_path / "results.json") == [row]


@pytest.mark.parametrize(("name", "count"), [("inner+norm", 2), ("inner+pca", 1), ("inner+centre", 1)])
def test_a_background_that_is_too_small_is_refused_before_anything_is_embedded(
    made: RetrievalSet, pictures: list[Picture], tmp_path: Path, name: str, count: int
) -> None:
    with pytest.raises(SettingsError, match=rf"needs {count + 1} background images at least"):
        run_benchmark([made], ["cells"], [name], tmp_path, background=pictures[-count:], progress=False)
    assert Cells.calls == 0


def test_whitening_keeps_no_more_than_varies() -> None:
    rng = np.random.default_rng(0)

    def drawn(count: int) -> Features:
        rows = np.concatenate(
            [rng.normal(size=(count, 5)), np.zeros((count, 4)), np.ones((count, 1))], axis=1
        )
        return Features((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))

    found = score_named("inner+whiten").compare(drawn(3), drawn(4), drawn(40))
    scores = found.matrix
    assert found.about["whitening"] == {"kept": 6, "of": 10, "variance": 1.0}
    assert scores.shape == (3, 4)
    assert np.isfinite(scores).all()


def test_a_score_that_is_left_out_is_told(made: RetrievalSet, tmp_path: Path) -> None:
    said: list[str] = []
    run_benchmark([made], ["pixels", "cells"], ["inner", "split"], tmp_path, progress=False, say=said.append)
    assert said == [
        "the score split is left out for pixels, which has neither tokens nor equal slices of 16 numbers or more"
    ]


class Bits(Cells):
    """Many numbers without tokens, of which slices could be cut."""

    token_shape = None
    bits = True

    def __init__(self) -> None:
        self.spec = EmbedderSpec("bits", 512, None, "bits", "bits")

    def forward(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        return np.tile(super().forward(batch), (1, 43))[:, :512]


def test_slices_of_bits_are_not_compared(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._registered, "bits", lambda options: Bits())
    said: list[str] = []
    (row,) = run_benchmark([made], ["bits"], ["split", "inner"], tmp_path, progress=False, say=said.append)
    assert row.score == "inner"
    assert said == ["the score split is left out for bits, which has no tokens but bits, whose slices tie"]
    with pytest.raises(BenchmarkError, match="none of the scores split fits any of bits"):
        run_benchmark([made], ["bits"], ["split"], tmp_path, progress=False)
    monkeypatch.setattr(Bits, "bits", False)
    assert len(run_benchmark([made], ["bits"], ["split"], tmp_path, progress=False)) == 1


def test_each_step_is_told(made: RetrievalSet, tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        run_benchmark([made], ["cells"], ["inner", "split"], tmp_path, progress=False, tell=told.append)
    assert re.fullmatch(r"itself, cells: 2 scores in \d+\.\d s", told[0])
    assert told[1:] == ["itself, cells: measured before"]


def test_the_preset_reaches_every_extractor(made: RetrievalSet, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="preset"):
        run_benchmark([made], ["pixels"], ["inner"], tmp_path, preset="no-such", progress=False)


def test_what_whitening_keeps_is_in_the_results(
    made: RetrievalSet, pictures: list[Picture], tmp_path: Path
) -> None:
    rows = run_benchmark(
        [made],
        ["cells"],
        ["inner", "inner+centre", "inner+whiten"],
        tmp_path,
        background=pictures[9:19],
        progress=False,
    )
    assert [row.about.get("whitening") for row in rows[:2]] == [None, None]
    kept = rows[2].about["whitening"]
    assert (kept["kept"], kept["of"]) == (5, 12)
    assert 0.5 < kept["variance"] <= 1
    assert read_results(tmp_path / "results.json") == rows


def test_rows_of_another_run_are_kept(made: RetrievalSet, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    (row,) = run_benchmark([made], ["pixels"], ["inner"], tmp_path / "out", progress=False)
    for key in ("a", "b", "a"):
        add_results(path, [replace(row, key=key)])
    assert [row.key for row in read_results(path)] == ["a", "b"]


def test_no_cell_is_best_where_all_are_zero(made: RetrievalSet, tmp_path: Path) -> None:
    (row,) = run_benchmark([made], ["pixels"], ["inner"], tmp_path, progress=False)
    assert as_table([replace(row, metrics={"mAP": 0.0})], "mAP").splitlines()[2].endswith("| 0.000 |")


@pytest.mark.parametrize(("sets", "ways"), [(1, 1), (1, 7), (3, 2), (4, 12)])
def test_the_legend_covers_no_panel(made: RetrievalSet, tmp_path: Path, sets: int, ways: int) -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    (row,) = run_benchmark([made], ["pixels"], ["inner"], tmp_path, progress=False)
    rows = [replace(row, set=f"s{s}", score=f"w{w}") for s in range(sets) for w in range(ways)]
    figure = figures_module._curves(plt, rows)
    figure.canvas.draw()
    top = figure.legends[0].get_window_extent().y1
    assert top <= min(axis.get_tightbbox().y0 for axis in figure.axes if axis.axison)
    plt.close(figure)


def test_an_extractor_has_a_colour_and_a_score_a_line(made: RetrievalSet, tmp_path: Path) -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    (row,) = run_benchmark([made], ["pixels"], ["inner"], tmp_path, progress=False)
    ways = [("a", "inner"), ("a", "split"), ("b", "inner"), ("b", "split")]
    rows = [replace(row, extractor=extractor, score=score) for extractor, score in ways]
    figure = figures_module._curves(plt, rows)
    colours = [line.get_color() for line in figure.axes[0].lines]
    styles = [line.get_linestyle() for line in figure.axes[0].lines]
    assert (colours[0], colours[2]) == (colours[1], colours[3])
    assert (styles[0], styles[1]) == (styles[2], styles[3])
    assert colours[0] != colours[2]
    assert styles[0] != styles[1]
    figure.canvas.draw()
    # No more than a line of text lies between the plots and the legend.
    gap = figure.axes[0].get_tightbbox().y0 - figure.legends[0].get_window_extent().y1
    assert 0 <= gap < 0.3 * figure.dpi
    plt.close(figure)


class OfAFile(Cells):
    """An extractor whose identity is the digest of a file, as those of network files are."""

    def __init__(self, argument: str) -> None:
        self.spec = EmbedderSpec("torchscript:25d8c39a7ae1", 12, "25d8c39a7ae1" + "0" * 52, "", argument)


def test_an_extractor_of_a_file_is_called_what_was_written(
    made: RetrievalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._registered, "torchscript", lambda options: OfAFile(options.argument))
    (row,) = run_benchmark([made], ["torchscript:nets/mine.pt"], ["inner"], tmp_path, progress=False)
    assert row.extractor == "torchscript:nets/mine.pt"
    assert read_results(tmp_path / "results.json") == [row]
    assert "| torchscript:nets/mine.pt, inner |" in as_table([row], "mAP")


def test_thresholds_are_shown_and_rounded_so_that_a_gate_reaches_them(
    made: RetrievalSet, tmp_path: Path
) -> None:
    (row,) = run_benchmark([made], ["pixels"], ["inner"], tmp_path, progress=False)
    metric = "recall at precision 90 %"
    threshold = row.thresholds[metric]
    assert threshold is not None
    embedder = load_embedder("pixels")
    vectors = embedder.embed([embedder.prepare(query.picture.load()) for query in made.queries[:5]])
    scores = [round(float(v @ v), 6) for v in vectors]
    assert sum(score >= threshold for score in scores) == 5
    assert round(threshold, 6) == threshold
    assert as_thresholds([row], metric).splitlines()[2] == f"| pixels, inner | {threshold:.6f} |"


def test_hosts_are_kept_out_of_the_background(
    made: RetrievalSet, pictures: list[Picture], tmp_path: Path
) -> None:
    behind, small = pictures[9:13], tmp_path / "small.jpg"
    pictures[12].load().resize((180, 130), Image.Resampling.BICUBIC).save(small, quality=80)
    hosts = {"itself": {"others/host": Picture("small", small).load}}
    with pytest.raises(
        BenchmarkError, match=rf"1 of 4 .*{pictures[12].id} \(hosts of itself: others/host\): leave them out"
    ):
        run_benchmark(
            [made], ["cells"], ["inner+norm"], tmp_path, background=behind, hosts=hosts, progress=False
        )
    assert Cells.calls == 0
    (row,) = run_benchmark(
        [made], ["cells"], ["inner+norm"], tmp_path, background=behind, background_name="new/", progress=False
    )
    assert row.about["background"]["name"] == "new/"
    said: list[str] = []
    hosts = {"itself": {"others/host": Picture("twin", pictures[1].path).load}}
    copy = replace(made.queries[0], made={"host": "others/host"})
    copies = replace(made, queries=(copy, *made.queries[1:]))
    run_benchmark([copies], ["cells"], ["inner"], tmp_path, hosts=hosts, progress=False, say=said.append)
    assert (
        f"1 of 1 hosts of itself show a picture of its database, at whatever size: others/host = {pictures[1].id};"
        in said[0]
    )
    known = replace(copies, queries=(replace(copy, junk=frozenset({pictures[1].id})), *made.queries[1:]))
    said.clear()
    run_benchmark([known], ["cells"], ["inner"], tmp_path, hosts=hosts, progress=False, say=said.append)
    assert not any("hosts" in text for text in said)
    assert row.about["background"]["sha256"] == digest_of(behind)
