from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.index.importers.annoy_file import AnnoyEmbeddings

Make = Callable[..., np.ndarray]


def item(vector: np.ndarray, metric: str = "angular") -> bytes:
    """An item as annoy 1.17 writes it."""
    vector = vector.astype("<f4")
    if metric == "angular":
        return struct.pack("<ifi", 1, float(vector @ vector), 0) + vector.tobytes()
    return struct.pack("<ifii", 1, 0.0, 0, 0) + vector.tobytes()


def inner(
    dim: int, children: list[int], descendants: int, metric: str = "angular", plane: float = 0.5
) -> bytes:
    """An inner node: few children are listed, over the place of the vector if need be; two split by a plane."""
    start = struct.pack("<i", descendants) + (b"" if metric == "angular" else struct.pack("<f", 0.0))
    size = 12 + 4 * dim if metric == "angular" else 16 + 4 * dim
    rest = struct.pack(f"<{len(children)}i", *children)
    if descendants > dim + 2:
        rest += np.full(dim, plane, "<f4").tobytes()
    return (start + rest).ljust(size, b"\0")


def tree_of_two(vectors: np.ndarray, metric: str = "angular") -> list[bytes]:
    """Nodes of a whole index with two trees, each a root over two lists of items."""
    count, dim = vectors.shape
    half, third = count // 2, count // 3
    nodes = [item(vector, metric) for vector in vectors]
    roots = []
    for cut in (half, third):
        left = inner(dim, list(range(cut)), cut, metric)
        right = inner(dim, list(range(cut, count)), count - cut, metric)
        nodes += [left, right]
        roots.append(inner(dim, [len(nodes) - 2, len(nodes) - 1], count, metric, plane=1.0 + cut))
        nodes.append(roots[-1])
    return nodes + roots


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "v.ann"


@pytest.mark.parametrize("metric", ["angular", "euclidean"])
def test_items_come_back_as_they_are(path: Path, made: Make, metric: str) -> None:
    vectors = made(12, 6)
    path.write_bytes(b"".join(tree_of_two(vectors, metric)))
    found = AnnoyEmbeddings(path, 6, metric)
    assert (found.rows, found.dim, found.dtype) == (12, 6, "<f4")
    assert np.array_equal(np.concatenate([b.vectors for b in found.blocks(5)]), vectors)
    assert [r.id for r in found.block(10, 12).records] == ["v.ann#10", "v.ann#11"]


def test_names_belong_to_items(path: Path, made: Make, tmp_path: Path) -> None:
    path.write_bytes(b"".join(tree_of_two(made(12, 6))))
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{i}.png\n" for i in range(12)))
    assert AnnoyEmbeddings(path, 6, "angular", names).block(11, 12).records[0].id == "11.png"
    names.write_text("a\n")
    with pytest.raises(SourceError, match="names 1 rows, and .* has 12 vectors"):
        AnnoyEmbeddings(path, 6, "angular", names)


def test_one_item(path: Path, made: Make) -> None:
    root = inner(5, [0], 1)
    path.write_bytes(item(made(1)[0]) + root * 4)
    assert np.array_equal(AnnoyEmbeddings(path, 5, "angular").block(0, 1).vectors, made(1))
    path.write_bytes(item(made(1)[0]) + root * 3)
    with pytest.raises(SourceError, match="its 3 roots are not roots and as many copies"):
        AnnoyEmbeddings(path, 5, "angular")


@pytest.mark.parametrize("metric", ["angular", "euclidean"])
def test_a_file_that_lost_nodes_is_refused(path: Path, made: Make, metric: str) -> None:
    nodes = tree_of_two(made(12, 6), metric)
    for kept in range(len(nodes)):
        path.write_bytes(b"".join(nodes[:kept]))
        with pytest.raises(SourceError, match=r"is not a whole annoy index|has 0 bytes"):
            AnnoyEmbeddings(path, 6, metric)


@pytest.mark.parametrize("lost", [*range(12), 14, 17, 18, 19])
def test_a_file_that_lost_an_item_or_a_root_is_refused(path: Path, made: Make, lost: int) -> None:
    nodes = tree_of_two(made(12, 6))
    path.write_bytes(b"".join(nodes[:lost] + nodes[lost + 1 :]))
    with pytest.raises(SourceError, match="is not a whole annoy index"):
        AnnoyEmbeddings(path, 6, "angular")


def test_a_file_with_zeros_at_its_end_is_refused(path: Path, made: Make) -> None:
    path.write_bytes(b"".join(tree_of_two(made(12, 6))) + bytes(36 * 3))
    with pytest.raises(SourceError, match="its last node has 0 descendants"):
        AnnoyEmbeddings(path, 6, "angular")


def test_items_alone_are_refused(path: Path, made: Make) -> None:
    for count in (1, 2, 3, 12):
        path.write_bytes(b"".join(item(v) for v in made(count, 6)))
        with pytest.raises(SourceError, match="is not a whole annoy index"):
            AnnoyEmbeddings(path, 6, "angular")


@given(st.integers(1, 16 * 36))
def test_a_cut_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.ann"
    vectors = np.random.default_rng(0).standard_normal((12, 6))
    path.write_bytes(b"".join(tree_of_two(vectors))[:-cut])
    with pytest.raises(SourceError, match=r"no multiple of the 36|is not a whole annoy index"):
        AnnoyEmbeddings(path, 6, "angular")


def test_an_id_that_was_left_out_is_refused(path: Path, made: Make) -> None:
    nodes = tree_of_two(made(12, 6))
    nodes[4] = bytes(36)
    path.write_bytes(b"".join(nodes))
    with pytest.raises(SourceError, match="has no item 4, though it has later ones"):
        AnnoyEmbeddings(path, 6, "angular")


@pytest.mark.parametrize("dim", [5, 7, 3, 15])
def test_another_dim_is_refused(path: Path, made: Make, dim: int) -> None:
    path.write_bytes(b"".join(tree_of_two(made(12, 6))))
    with pytest.raises(SourceError, match=r"dim or metric is wrong"):
        AnnoyEmbeddings(path, dim, "angular")


@pytest.mark.parametrize(
    ("made_as", "read_as", "dim"), [("angular", "euclidean", 5), ("euclidean", "angular", 7)]
)
def test_another_metric_of_the_same_size_is_refused(
    path: Path, made: Make, made_as: str, read_as: str, dim: int
) -> None:
    path.write_bytes(b"".join(tree_of_two(made(12, 6), made_as)))
    with pytest.raises(SourceError, match=f"item 0 is not laid out as one of dim {dim} and metric {read_as}"):
        AnnoyEmbeddings(path, dim, read_as)


def test_a_zero_vector_is_an_error_with_its_row(path: Path, made: Make) -> None:
    vectors = made(12, 6)
    vectors[7] = 0
    path.write_bytes(b"".join(tree_of_two(vectors)))
    with pytest.raises(SourceError, match=r"row 7 \(v.ann#7\) is zero"):
        list(AnnoyEmbeddings(path, 6, "angular").blocks(5))


@pytest.mark.parametrize(("dim", "metric"), [(None, "angular"), (6, None), (None, None)])
def test_dim_and_metric_have_to_be_given(path: Path, made: Make, dim: int | None, metric: str | None) -> None:
    with pytest.raises(SettingsError, match="neither the length of its vectors nor its metric: give both"):
        AnnoyEmbeddings(path, dim, metric)


@pytest.mark.parametrize("metric", ["dot", "hamming", "cosine"])
def test_other_metrics_are_refused(path: Path, metric: str) -> None:
    with pytest.raises(SettingsError, match=f"metric '{metric}' are not read, only angular and euclidean"):
        AnnoyEmbeddings(path, 6, metric)


def test_a_file_that_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(SourceError, match="v.ann cannot be read"):
        AnnoyEmbeddings(path, 6, "angular")


@pytest.mark.parametrize("metric", ["angular", "euclidean"])
@pytest.mark.parametrize(
    ("rows", "dim", "trees", "jobs"),
    [
        *[(1, 4, 1, 1), (1, 4, 3, 1), (2, 4, 1, 1), (2, 4, 9, 1), (3, 4, 1, 1), (3, 1, 40, 1)],
        *[(7, 3, 2, 1), (100, 8, 1, 1), (500, 5, 10, 1), (500, 5, 6, 4), (3000, 16, 3, 1)],
    ],
)
def test_files_of_the_real_annoy(
    path: Path, made: Make, metric: str, rows: int, dim: int, trees: int, jobs: int
) -> None:
    annoy = pytest.importorskip("annoy")
    index = annoy.AnnoyIndex(dim, metric)
    index.set_seed(1)
    vectors = made(rows, dim)
    for number, vector in enumerate(vectors):
        index.add_item(number, vector)
    index.build(trees, n_jobs=jobs)
    index.save(str(path))
    found = AnnoyEmbeddings(path, dim, metric)
    assert found.rows == rows == index.get_n_items()
    assert np.array_equal(np.concatenate([b.vectors for b in found.blocks(700)]), vectors)

    content, size = path.read_bytes(), path.stat().st_size
    node = (12 if metric == "angular" else 16) + 4 * dim
    for lost in {1, 2, trees, trees + 1, size // node // 2, size // node - rows, size // node - 1}:
        path.write_bytes(content[: size - lost * node])
        try:
            items = AnnoyEmbeddings(path, dim, metric).rows
        except SourceError:
            continue
        assert items == rows  # trees of a tiny index are alike: some may be lost, never an item
    for wrong in {dim - 1, dim + 1, 2 * dim, 2 * dim + 3} - {0}:
        with pytest.raises(SourceError):
            AnnoyEmbeddings(path, wrong, metric)


def test_an_id_that_the_real_annoy_left_out_is_refused(path: Path) -> None:
    annoy = pytest.importorskip("annoy")
    index = annoy.AnnoyIndex(3, "angular")
    for number in (0, 1, 5):
        index.add_item(number, [1, number, 2])
    index.build(2)
    index.save(str(path))
    with pytest.raises(SourceError, match="has no item 2"):
        AnnoyEmbeddings(path, 3, "angular")


def test_an_index_that_the_real_annoy_built_on_disk(path: Path, made: Make) -> None:
    annoy = pytest.importorskip("annoy")
    index = annoy.AnnoyIndex(5, "euclidean")
    index.on_disk_build(str(path))
    for number, vector in enumerate(made(60)):
        index.add_item(number, vector)
    index.build(3)
    index.unload()
    assert np.array_equal(AnnoyEmbeddings(path, 5, "euclidean").block(0, 60).vectors, made(60))
