from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, cli, open_index
from pytest_replication.check import nearest
from pytest_replication.embedders import load_embedder
from pytest_replication.errors import IndexMismatch, SampleError, SearchError, SettingsError
from pytest_replication.index.removed import remove_images
from pytest_replication.models.samples import Samples
from pytest_replication.scoring import cross_split_product, rerank, split_product
from pytest_replication.search.rescore import Rescoring, sample_tokens, take_tokens

CELLS = BuildOptions(embedder="cells", shard_rows=5, tokens=True, progress=False)


@pytest.fixture
def index(cells: str, training: Path, tmp_path: Path) -> Index:
    build_index(training, tmp_path / "index", CELLS)
    return open_index(tmp_path / "index")


@pytest.fixture
def samples(unrelated: Path) -> Samples:
    return Samples.of(unrelated)


def all_tokens(index: Index) -> np.ndarray:
    return np.concatenate([np.asarray(shard.tokens()) for shard in index.shards])


def tokens_of(samples: Samples) -> np.ndarray:
    embedder = load_embedder("cells")
    return embedder.tokens([embedder.prepare(image) for image in samples])


@pytest.mark.parametrize(
    ("how", "product"),
    [
        (Rescoring(), split_product),
        (Rescoring("cross"), cross_split_product),
        (Rescoring("split-concat"), lambda a, b: split_product(a, b, "concat")),
    ],
)
def test_with_all_as_candidates_the_split_score_alone_decides(
    index: Index, samples: Samples, how: Rescoring, product: object
) -> None:
    matches = nearest(samples, index, 3, rescoring=how)
    scores = product(tokens_of(samples), all_tokens(index))  # type: ignore[operator]
    assert matches.searched == 20
    for found, row in zip(matches.of, scores, strict=True):
        order = np.argsort(-row)[:3]
        assert [match.row for match in found] == order.tolist()
        assert [match.score for match in found] == pytest.approx(row[order].tolist(), abs=2e-6)
        assert [match.record.id for match in found] == [index.records([int(r)])[int(r)].id for r in order]
    inner = nearest(samples, index, 3)
    assert [[m.row for m in of] for of in inner.of] != [[m.row for m in of] for of in matches.of]


def test_only_the_best_by_inner_product_are_scored_again(index: Index, samples: Samples) -> None:
    candidates = nearest(samples, index, 4)
    matches = nearest(samples, index, 2, rescoring=Rescoring(candidates=4))
    for found, few in zip(matches.of, candidates.of, strict=True):
        assert len(found) == 2
        assert {match.row for match in found} <= {match.row for match in few}


def test_a_training_image_itself_scores_1(index: Index, training: Path) -> None:
    for how in (Rescoring(), Rescoring("cross")):
        for row, found in enumerate(nearest(Samples.of(training), index, 1, rescoring=how).of):
            assert (found[0].row, found[0].score) == (row, pytest.approx(1, abs=1e-5))


def test_removed_images_stay_out(index: Index, training: Path) -> None:
    gone = sorted(path.name for path in training.iterdir())[3]
    remove_images(index.path, ids=[gone])
    matches = nearest(Samples.of(training), open_index(index.path), 19, rescoring=Rescoring())
    assert all(match.record.id != gone for found in matches.of for match in found)


def test_tokens_by_row_in_any_order(index: Index) -> None:
    rows = np.array([19, 0, 7, 7, 5])
    assert np.array_equal(take_tokens(index, rows)[:, 0], all_tokens(index)[rows])


def test_tokens_of_samples_come_one_by_one(index: Index, samples: Samples) -> None:
    found = list(sample_tokens(index, samples))
    assert len(found) == 11
    assert np.concatenate(found) == pytest.approx(tokens_of(samples))


def test_what_cannot_be_done_is_said_before_the_search(
    index: Index, pixels_index: Index, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"stores no tokens, which a split score compares: build it with"):
        nearest(samples, pixels_index, rescoring=Rescoring())
    with pytest.raises(SettingsError, match="the 5 best of 4 candidates are wanted"):
        nearest(samples, index, 5, rescoring=Rescoring(candidates=4))
    with pytest.raises(SettingsError, match="no split score 'inner'"):
        Rescoring("inner")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="no split score 'split-l2'"):
        Rescoring("split-l2")  # type: ignore[arg-type]
    monkeypatch.setattr(type(index.embedder), "token_shape", (4, 48))
    with pytest.raises(IndexMismatch, match="cells at hand gives 4 x 48"):
        nearest(samples, index, rescoring=Rescoring())


def test_damaged_tokens_are_no_candidates(index: Index, samples: Samples) -> None:
    for shard in index.shards:
        tokens = np.load(shard.folder / "tokens.npy")
        tokens[:, 0, 0] = np.nan
        np.save(shard.folder / "tokens.npy", tokens)
    with pytest.raises(SearchError, match="not finite"):
        nearest(samples, index, rescoring=Rescoring())


def test_an_unreadable_sample(index: Index, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(SampleError, match="cannot be read"):
        nearest(Samples.of([tmp_path / "x.png"]), index, rescoring=Rescoring())


def test_the_command_line(
    cells: str, training: Path, unrelated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built, image = str(tmp_path / "cli"), str(sorted(unrelated.iterdir())[0])
    assert cli.main(["build", str(training), "--out", built, "--embedder", "cells", "--tokens"]) == 0
    assert capsys.readouterr().err == "tokens: 9 x 48 float16, 864 bytes an image, 16 KiB for 20 images\n"
    assert cli.main(["info", built]) == 0
    assert "  tokens       9 x 48 of each view, float16\n" in capsys.readouterr().out
    assert cli.main(["info", built, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == [9, 48]
    index, samples = open_index(built), Samples.of([image])
    for options, how in (
        (["--score", "split"], Rescoring()),
        (["--score", "cross", "--rerank", "6"], Rescoring("cross", candidates=6)),
        (["--score", "split-concat"], Rescoring("split-concat")),
    ):
        assert cli.main(["search", built, image, "-k", "2", "--json", *options]) == 0
        (answer,) = json.loads(capsys.readouterr().out)
        assert answer["scored_by"] == how.score
        expected = nearest(samples, index, 2, rescoring=how).of[0]
        assert [near["score"] for near in answer["neighbours"]] == [match.score for match in expected]
    assert cli.main(["search", built, image, "-k", "1", "--score", "split-concat"]) == 0
    assert re.search(r"\n   0\.\d{6}  ", capsys.readouterr().out)
    assert cli.main(["search", built, image, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["scored_by"] == "inner"
    assert cli.main(["search", built, image, "--rerank", "9"]) == 2
    assert "--rerank belongs to a split score" in capsys.readouterr().err
    assert cli.main(["search", built, image, "--score", "split", "--rerank", "2"]) == 2
    assert "the 5 best of 2 candidates are wanted" in capsys.readouterr().err


def test_candidates_are_read_in_blocks(
    index: Index, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def spy(index: Index, rows: np.ndarray) -> np.ndarray:
        read.append(len(rows))
        return take_tokens(index, rows)

    monkeypatch.setattr("pytest_replication.search.rescore.take_tokens", spy)
    how = Rescoring("cross", candidates=20)
    whole = nearest(samples, index, 7, rescoring=how)
    assert set(read) == {20}
    read.clear()
    image = 2 * tokens_of(samples)[0].size
    monkeypatch.setattr(sys.modules[rerank.__module__], "BLOCK_BYTES", 3 * image + 1)
    parts = nearest(samples, index, 7, rescoring=how)
    assert set(read) == {3, 2}
    assert parts.of == whole.of


def test_a_mirrored_part_is_found_by_any_two_chunks_only(cells: str, tmp_path: Path) -> None:
    """The upper left cell of the sample is the lower right one of a training image."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (12, 12, 3), dtype=np.uint8) for _ in range(9)]
    sample = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    images[4][8:, 8:] = sample[:4, :4]
    build_index(
        [Image.fromarray(image) for image in images], tmp_path / "index", replace(CELLS, shard_rows=3)
    )
    index, wanted = open_index(tmp_path / "index"), Samples.of([Image.fromarray(sample)])
    (found,) = nearest(wanted, index, 9, rescoring=Rescoring("cross")).best
    assert found.row == 4
    assert found.score > 0.95
    scores = {m.row: m.score for m in nearest(wanted, index, 9, rescoring=Rescoring("split")).of[0]}
    assert scores[4] < 0.7
