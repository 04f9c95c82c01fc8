from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.sets import RetrievalSet, read_set
from pytest_replication.benchmark.synthetic.folder import prepare
from pytest_replication.benchmark.synthetic.make import make_set
from pytest_replication.errors import BenchmarkError, SettingsError, SourceError
from pytest_replication.images.edits import ALL_EDITS

KINDS = ["cutmix", "segmix", "segmix_hard", "segmix_resized", "patch_outpaint", "diagonal_outpaint", "edits"]


@pytest.fixture
def labelled(pictures: Path, tmp_path: Path) -> str:
    """The made-up images with a label map for each: an object of label 5 in the middle."""
    labels = np.zeros((32, 48), np.uint8)
    labels[6:26, 12:36] = 5
    (tmp_path / "labels").mkdir()
    for path in pictures.iterdir():
        Image.fromarray(labels).save(tmp_path / "labels" / path.name)
    return f"labels:{pictures}:{tmp_path / 'labels'}"


@pytest.fixture
def made(pictures: Path, labelled: str, tmp_path: Path) -> Callable[..., RetrievalSet]:
    """Make a small set."""

    def make(kind: str = "cutmix", out: str = "out", **how: Any) -> RetrievalSet:
        if kind.endswith("outpaint"):
            pytest.importorskip("cv2")
        images = how.pop("images", labelled if kind.startswith("segmix") else pictures)
        return make_set(kind, images, tmp_path / out, **({"count": 8} | how))

    return make


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("direction", ["gate", "paper"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bytes_and_the_set_that_is_read_back(
    made: Callable[..., RetrievalSet], tmp_path: Path, kind: str, direction: str
) -> None:
    first = made(kind, "a", seed=3, direction=direction, negatives=1)
    made(kind, "b", seed=3, direction=direction, negatives=1)
    other = made(kind, "c", seed=4, direction=direction, negatives=1)
    assert read_set(tmp_path / "a") == first
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a") != files(tmp_path / "c")
    assert {q.made.get("source") for q in first.queries} != {q.made.get("source") for q in other.queries} or (
        direction == "paper"
    )
    for picture in [query.picture for query in first.queries] + list(first.database):
        assert picture.load().mode == "RGB"


@pytest.mark.parametrize("kind", KINDS)
def test_a_gate_set_holds_no_host_and_no_negative_in_its_database(
    made: Callable[..., RetrievalSet], kind: str
) -> None:
    set_ = made(kind, negatives=2)
    database = {picture.id for picture in set_.database}
    copies, negatives = set_.queries[:8], set_.queries[8:]
    assert len(negatives) == 2
    for query in copies:
        assert query.positives == {query.made["source"]}
        assert query.made.get("host") not in database
        assert query.junk == frozenset()
    for query in negatives:
        assert query.positives == query.junk == frozenset()
        assert query.picture.id.removeprefix("negative/") not in database
    hosts = 2 if kind.startswith(("cutmix", "segmix")) else 0
    assert len(database) == 12 - 2 - hosts
    assert set_.about["hosts"] == hosts


def test_the_pixels_of_a_segmix_copy_come_from_its_positive_and_its_host(
    made: Callable[..., RetrievalSet], pictures: Path
) -> None:
    set_ = made("segmix")
    inside = np.zeros((32, 48), np.bool_)
    inside[6:26, 12:36] = True
    database = {picture.id: np.asarray(picture.load()) for picture in set_.database}
    for query in set_.queries:
        (positive,) = query.positives
        with Image.open(pictures / query.made["host"]) as image:
            host = np.asarray(image.convert("RGB"))
        mask = inside if query.made["class"] == "5" else ~inside
        pixels = np.asarray(query.picture.load())
        assert np.array_equal(pixels[mask], database[positive][mask])
        assert np.array_equal(pixels[~mask], host[~mask])


def test_the_pixels_of_a_cutmix_copy_come_from_its_positive(made: Callable[..., RetrievalSet]) -> None:
    set_ = made("cutmix", count=20)
    database = {picture.id: np.asarray(picture.load()) for picture in set_.database}
    for query in set_.queries:
        left, upper, right, lower = query.made["box"]
        mask = np.zeros((32, 48), np.bool_)
        mask[upper:lower, left:right] = True
        mask = mask if query.made["shows"] == "box" else ~mask
        (positive,) = query.positives
        assert np.array_equal(np.asarray(query.picture.load())[mask], database[positive][mask])
        assert query.made["area"] >= 0.01


def test_sources_take_turns(made: Callable[..., RetrievalSet]) -> None:
    set_ = made("edits", count=24)
    # Each is used twice, but for those whose copy came to nothing, whose turn the next ones took.
    assert set(Counter(query.made["source"] for query in set_.queries).values()) == {1, 2, 3}
    assert set_.about["skipped"] == 3
    turns = [name for name in ALL_EDITS if "thumbnail" not in name]  # none of 48 x 32 pixels is smaller
    assert [query.made["edit"] for query in set_.queries] == turns[:24]
    grouped = made("cutmix", "grouped", count=9, each=3, least=0)
    sources = [query.made["source"] for query in grouped.queries]
    assert len(set(sources)) <= 4
    assert len({(query.made["source"], query.made["lambda"]) for query in grouped.queries}) <= 4


def test_others_are_hosts_and_negatives_and_all_images_are_in_the_database(
    made: Callable[..., RetrievalSet], unrelated: Path
) -> None:
    set_ = made("cutmix", others=unrelated, negatives=3, longest=64)
    assert {picture.id for picture in set_.database} == {f"{number:02d}.png" for number in range(12)}
    assert all(query.made["host"].startswith("others/") for query in set_.queries[:8])
    assert all(query.picture.id.startswith("negative/others/") for query in set_.queries[8:])
    hosts = {query.made["host"] for query in set_.queries[:8]}
    assert not hosts & {query.picture.id.removeprefix("negative/") for query in set_.queries[8:]}
    assert max(max(query.picture.load().size) for query in set_.queries) == 64


def test_the_direction_of_the_paper(made: Callable[..., RetrievalSet]) -> None:
    set_ = made("cutmix", direction="paper", count=12, each=4, negatives=2, least=0)
    sources, negatives = set_.queries[:-2], set_.queries[-2:]
    copies = {picture.id: set_.about["copies"].get(picture.id) for picture in set_.database}
    assert sum(copy is not None for copy in copies.values()) == 12
    assert sum(len(query.positives) for query in sources) == 12
    for query in sources:
        assert query.picture.id not in copies
        assert all(copies[id_]["source"] == query.picture.id for id_ in query.positives)
    assert all(not query.positives for query in negatives)
    assert made("cutmix", "few", direction="paper", count=3, distractors=2).about["distractors"] == 2


def test_distractors_are_limited(made: Callable[..., RetrievalSet]) -> None:
    assert len(made("edits", count=3).database) == 12
    assert len(made("edits", "few", count=3, distractors=2).database) == 5
    assert len(made("edits", "none", count=3, distractors=0).database) == 3


def test_images_of_the_same_pixels_are_found_and_count_neither_way(
    made: Callable[..., RetrievalSet], pictures: Path
) -> None:
    with Image.open(pictures / "00.png") as image:
        image.save(pictures / "again.tif")
    set_ = made("edits", count=26)
    assert set_.about["same"] == [["00.png", "again.tif"]] or set_.about["same"] == [["again.tif", "00.png"]]
    judged = {query.made["source"]: query for query in set_.queries}
    assert (judged["00.png"].positives, judged["00.png"].junk) == ({"00.png"}, {"again.tif"})
    assert (judged["again.tif"].positives, judged["again.tif"].junk) == ({"again.tif"}, {"00.png"})


def test_twins_count_neither_way(made: Callable[..., RetrievalSet]) -> None:
    set_ = made("edits", count=12, twins=[("01.png", "02.png"), ("02.png", "03.png")])
    judged = {query.made["source"]: query for query in set_.queries}
    assert judged["01.png"].junk == {"02.png", "03.png"}
    assert judged["04.png"].junk == frozenset()
    with pytest.raises(BenchmarkError, match="the twins name 'x', which is not among the images"):
        made("edits", "other", twins=[("01.png", "x")])


def test_copies_that_show_too_little_are_skipped_and_counted(made: Callable[..., RetrievalSet]) -> None:
    set_ = made("cutmix", count=30, least=0.5)
    assert min(query.made["area"] for query in set_.queries) >= 0.5
    assert set_.about["skipped"] > 5
    assert len(set_.queries) == 30


def test_no_copy_at_all_is_an_error_and_no_set(made: Callable[..., RetrievalSet], tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no copy of 9 images came to anything in 10 rounds"):
        made("segmix", parameters={"cutoff": 0.99})
    with pytest.raises(BenchmarkError, match="there is no retrieval set"):
        read_set(tmp_path / "out")
    assert made("cutmix").about["skipped"] >= 0  # what is left of it is no hindrance


def test_large_images_are_bounded_and_profiles_are_not_copied(
    made: Callable[..., RetrievalSet], pictures: Path, picture: Callable[..., Image.Image]
) -> None:
    for path in pictures.iterdir():
        with Image.open(path) as image:
            image.resize((96, 64)).save(path, icc_profile=b"a profile", dpi=(300, 300))
    set_ = made("edits", count=40, longest=50)
    for query in set_.queries:
        assert max(query.picture.load().size) <= 50
    with Image.open(set_.database[0].path) as stored:
        assert stored.size == (50, 33)
        assert stored.info == {}


def test_a_set_that_is_there_is_not_replaced_unless_that_is_wanted(
    made: Callable[..., RetrievalSet], tmp_path: Path
) -> None:
    made("edits")
    with pytest.raises(BenchmarkError, match="holds a set already"):
        made("edits")
    assert made("cutmix", overwrite=True, count=3) == read_set(tmp_path / "out")
    assert len(list((tmp_path / "out" / "queries").iterdir())) == 3


def test_a_folder_with_anything_else_is_left_alone(made: Callable[..., RetrievalSet], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(BenchmarkError, match=r"holds thesis\.txt, which is no part of a set"):
        made("edits", overwrite=True)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchmarkError, match="cannot be used for a set"):
        made("edits", "file")


@pytest.mark.parametrize("overwrite", [False, True])
def test_folders_of_the_users_own_are_left_alone(
    made: Callable[..., RetrievalSet], tmp_path: Path, overwrite: bool
) -> None:
    for side in ("queries", "database"):
        (tmp_path / "out" / side).mkdir(parents=True)
    (tmp_path / "out" / "queries" / "mine.txt").write_text("mine")
    before = files(tmp_path / "out")
    with pytest.raises(BenchmarkError, match="holds database, which is no part of a set"):
        made("edits", overwrite=overwrite)
    assert files(tmp_path / "out") == before


def test_what_lies_among_the_pictures_of_a_set_is_left_alone(tmp_path: Path) -> None:
    for name in ("queries/000000.png", "database/000000.png", "set.json", "truth.jsonl", "mine.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_text("x")
    mine = (tmp_path / "set" / "mine.png").rename(tmp_path / "set" / "queries" / "mine.png")
    with pytest.raises(BenchmarkError, match=r"holds queries/mine\.png, which is no part of a set"):
        prepare(tmp_path / "set", overwrite=True)
    assert (tmp_path / "set" / "set.json").exists()
    mine.unlink()
    (tmp_path / "set" / "database").rename(tmp_path / "photos")
    (tmp_path / "set" / "database").symlink_to(tmp_path / "photos")
    with pytest.raises(BenchmarkError, match="holds database, which is no part of a set"):
        prepare(tmp_path / "set", overwrite=True)
    assert (tmp_path / "photos" / "000000.png").exists()
    (tmp_path / "set" / "database").unlink()
    prepare(tmp_path / "set", overwrite=True)
    assert files(tmp_path / "set").keys() == {".unfinished"}


def test_a_set_whose_making_was_cut_short_is_made_anew(
    made: Callable[..., RetrievalSet], tmp_path: Path, pictures: Path
) -> None:
    expected = made("edits", "whole")
    whole = files(tmp_path / "whole")
    assert set(whole) > {"set.json", "truth.jsonl"}
    assert ".unfinished" not in whole
    broken = pictures / "05.png"
    kept = broken.read_bytes()
    broken.write_bytes(b"broken")
    with pytest.raises(BenchmarkError, match="cannot be read"):
        made("edits")
    assert (tmp_path / "out" / ".unfinished").is_file()
    assert not (tmp_path / "out" / "set.json").exists()
    broken.write_bytes(kept)
    assert len(made("edits").queries) == len(expected.queries)
    assert files(tmp_path / "out") == whole


def test_a_set_is_never_made_of_its_own_folder(
    made: Callable[..., RetrievalSet], tmp_path: Path, pictures: Path
) -> None:
    made("edits")
    before = files(tmp_path / "out")
    inside = tmp_path / "out" / "database"
    for given in (inside, str(inside), sorted(inside.iterdir())):
        with pytest.raises(BenchmarkError, match=r"lie in .*out, where the set goes"):
            made("edits", images=given, overwrite=True)
    with pytest.raises(BenchmarkError, match="where the set goes"):
        made("segmix", images=f"labels:{pictures}:{tmp_path / 'labels'}", others=inside, overwrite=True)
    assert files(tmp_path / "out") == before


def test_an_image_that_cannot_be_read_is_an_error(made: Callable[..., RetrievalSet], pictures: Path) -> None:
    (pictures / "05.png").write_bytes(b"broken")
    with pytest.raises(BenchmarkError, match=r"the image 05\.png cannot be read"):
        made("edits", count=12)


def test_what_cannot_be_used_leaves_no_folder(
    made: Callable[..., RetrievalSet], tmp_path: Path, pictures: Path
) -> None:
    for how, message in (
        ({"kind": "mixup"}, "there is no kind 'mixup'"),
        ({"parameters": {"gamma": 1}}, "have no parameter 'gamma'"),
        ({"count": 0}, "count is 0"),
        ({"kind": "segmix", "images": pictures}, "names no images with masks"),
        ({"negatives": 12}, "are too few"),
    ):
        with pytest.raises((BenchmarkError, SettingsError), match=message):
            made(**how)
    shutil.rmtree(pictures)
    pictures.mkdir()
    with pytest.raises(SourceError):
        made("cutmix")
    assert not (tmp_path / "out").exists()


def test_no_copy_is_the_image_itself(tmp_path: Path, picture: Callable[..., Image.Image]) -> None:
    for seed in range(5):
        picture(seed, (28, 28)).convert("L").save(tmp_path / f"{seed}.png")
    set_ = make_set("edits", tmp_path, tmp_path.with_name("out"), count=len(ALL_EDITS), progress=False)
    database = {picture.id: np.asarray(picture.load()) for picture in set_.database}
    for query in set_.queries:
        (positive,) = query.positives
        assert not np.array_equal(np.asarray(query.picture.load()), database[positive]), query.made
    unchanged = {
        "grey",
        "recolour",
        "hue-90",
        "pixelate-32",
        "thumbnail-64",
        "thumbnail-64-long",
        "thumbnail-32",
    }
    made = Counter(query.made["edit"] for query in set_.queries)
    assert not unchanged & set(made)
    assert set(made) == set(ALL_EDITS) - unchanged
    assert set_.about["skipped"] >= len(unchanged)
