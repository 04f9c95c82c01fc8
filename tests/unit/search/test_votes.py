"""Local features propose training images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pytest_replication import BuildOptions, Index, build_index, open_index, remove_images
from pytest_replication.images.local import FEATURE, extract
from pytest_replication.search import votes as module
from pytest_replication.search.votes import Votes

pytest.importorskip("cv2")
pytest.importorskip("faiss")


@pytest.fixture(scope="session")
def photos(training: Path, unrelated: Path) -> list[Path]:
    return [*sorted(training.glob("*.jpg"))[:6], *sorted(unrelated.glob("*.jpg"))[:2]]


@dataclass(frozen=True)
class Made:
    index: Index
    votes: Votes
    paths: list[Path]


@pytest.fixture(scope="module")
def made(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("votes") / "index"
    build_index(photos[:6], folder, BuildOptions(embedder="pixels", objects="whole"))
    index = open_index(folder)
    votes = Votes.of(index)
    assert votes is not None
    return Made(index, votes, photos)


def pasted(source: Path, ground: Path, mirrored: bool = False, degrees: float = 0) -> Image.Image:
    image, host = Image.open(source).convert("RGB"), Image.open(ground).convert("RGB").copy()
    width, height = image.size
    part = image.crop((width // 4, height // 4, 3 * width // 4, 3 * height // 4))
    part = (ImageOps.mirror(part) if mirrored else part).rotate(degrees, Image.Resampling.BICUBIC)
    host.paste(part, (10, 10))
    return host


@pytest.mark.parametrize(("mirrored", "degrees"), [(False, 0), (True, 0), (False, 20), (True, -20)])
def test_the_image_that_a_part_is_of_comes_first(made: Made, mirrored: bool, degrees: float) -> None:
    image = pasted(made.paths[2], made.paths[7], mirrored, degrees)
    assert made.votes.nearest(extract(image), 3)[0] == 2


def test_no_more_than_asked_for_and_none_twice(made: Made) -> None:
    features = extract(Image.open(made.paths[1]).convert("RGB"))
    assert made.votes.nearest(features, 1).tolist() == [1]
    all_of_them = made.votes.nearest(features, 99)
    assert len(set(all_of_them.tolist())) == len(all_of_them) <= 6


def test_a_sample_without_features_gets_none(made: Made) -> None:
    assert not len(made.votes.nearest(np.empty(0, FEATURE), 5))


def test_they_are_laid_out_once_an_open_index(made: Made) -> None:
    assert Votes.of(made.index) is made.votes


def test_beyond_the_budget_each_image_gives_fewer_and_then_none(made: Made) -> None:
    index = open_index(made.index.path)
    few = Votes.of(index, budget=6 * 100 * 160)
    assert few is not None
    assert few.per_image == 100
    assert np.bincount(few.rows).max() == 100
    assert few.nearest(extract(Image.open(made.paths[4]).convert("RGB")), 1).tolist() == [4]
    assert Votes.of(open_index(made.index.path), budget=6 * (module.FEWEST - 1) * 160) is None


def test_an_index_without_features_has_none(photos: list[Path], tmp_path: Path) -> None:
    build_index(photos[:2], tmp_path / "index", BuildOptions(embedder="pixels"))
    assert Votes.of(open_index(tmp_path / "index")) is None


def test_images_without_features_leave_nothing_to_ask(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "grey.png")
    build_index([tmp_path / "grey.png"], tmp_path / "index", BuildOptions(embedder="pixels", objects="whole"))
    votes = Votes.of(open_index(tmp_path / "index"))
    assert votes is not None
    assert votes.lists is None
    noise = Image.effect_noise((200, 200), 90).convert("RGB")
    assert not len(votes.nearest(extract(noise), 5))


def test_duplicates_of_one_image_vote_all_the_same(photos: list[Path], tmp_path: Path) -> None:
    image = Image.open(photos[0]).convert("RGB").resize((320, 320))
    for number in range(12):  # more than there are nearest ones
        image.save(tmp_path / f"{number:02d}.jpg", quality=95)
    paths = [*sorted(tmp_path.glob("*.jpg")), *photos[1:3]]
    build_index(paths, tmp_path / "index", BuildOptions(embedder="pixels", objects="whole"))
    votes = Votes.of(open_index(tmp_path / "index"))
    assert votes is not None
    assert votes.nearest(extract(pasted(photos[0], photos[6])), 1)[0] < 12


def test_removed_images_are_proposed_no_more(photos: list[Path], tmp_path: Path) -> None:
    build_index(photos[:3], tmp_path / "index", BuildOptions(embedder="pixels", objects="whole"))
    remove_images(tmp_path / "index", ids=[open_index(tmp_path / "index").records([1])[1].id])
    votes = Votes.of(open_index(tmp_path / "index"))
    assert votes is not None
    assert 1 not in votes.rows
    assert 1 not in votes.nearest(extract(Image.open(photos[1]).convert("RGB")), 3)
