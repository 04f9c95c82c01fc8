"""Inputs that many tests share: real photographs, made-up images, small indexes."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image, ImageOps

from pytest_replication import (
    BuildOptions,
    CalibrateOptions,
    Index,
    Verdict,
    build_index,
    calibrate_index,
    check_replication,
    find_duplicates,
    open_index,
    store_duplicates,
)
from pytest_replication.controls import Planted, plant, store_canaries
from pytest_replication.embedders import EmbedderSpec
from pytest_replication.errors import SettingsError
from pytest_replication.images.decode import DECODER
from pytest_replication.images.views import View
from pytest_replication.index.entries import FileEntry, SourceEntry
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.shard import Record
from pytest_replication.index.writer import IndexWriter
from pytest_replication.models import Samples, load_model
from pytest_replication.search.engines import engine_class, engine_names
from pytest_replication.surroundings import surrounded_by

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "fixtures" / "photos"
_set_aside = [0]
for _name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):  # suites that tests run are no steps of a job
    os.environ.pop(_name, None)

# Processors are shared: how long an example takes says nothing. `make test-all` takes the thorough one.
settings.register_profile(
    "quick", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=200)
settings.load_profile("quick")


_FAILED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember of a test whether it failed, for its folders."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def pytester(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> Iterator[pytest.Pytester]:
    """Make suites that are deleted when the test has passed, as pytest deletes the folder of ``tmp_path``."""
    yield pytester
    if not request.node.stash.get(_FAILED, False):
        for folder in (pytester.path, os.environ.get("PYTEST_DEBUG_TEMPROOT")):
            shutil.rmtree(folder or "", ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Wait for no disk: nothing that is written here has to outlive a power cut.

    Who asks for it, and in which order, is tested in `tests/unit/test_durable.py` and `test_merge.py`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(autouse=True)
def modules_set_aside() -> None:
    """Keep loaded modules out of the collections of garbage that each suite in process makes.

    With torch and diffusers loaded, one collection takes a second.
    """
    if len(sys.modules) > _set_aside[0] + 100:
        _set_aside[0] = len(sys.modules)
        gc.freeze()


@pytest.fixture(autouse=True)
def outside_a_run() -> Iterator[None]:
    """Keep the checks that these tests make out of the summary of the run that makes them."""
    with surrounded_by(None):
        yield


@pytest.fixture(scope="session")
def training() -> Path:
    """Folder of 20 real training photographs."""
    return PHOTOS / "training"


@pytest.fixture(scope="session")
def unrelated() -> Path:
    """Folder of 11 real photographs that are not in the training set."""
    return PHOTOS / "unrelated"


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image.Image]:
    """Make a made-up image: smooth colour noise, another one for each seed."""

    def make(seed: int = 0, size: tuple[int, int] = (48, 32)) -> Image.Image:
        noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)

    return make


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make an embedder with tokens known, here and in worker processes, as an installed package does."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "cells"))
    return "cells"


@pytest.fixture
def pictures(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """Folder of 12 made-up images."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(12):
        picture(seed).save(folder / f"{seed:02d}.png")
    return folder


@pytest.fixture(scope="session")
def built_pixels(tmp_path_factory: pytest.TempPathFactory, training: Path) -> Path:
    """Index of the training photographs with ``pixels``. Shared: copy it before you damage it."""
    folder = tmp_path_factory.mktemp("pixels") / "index"
    build_index(training, folder, BuildOptions(embedder="pixels", shard_rows=8))
    return folder


@pytest.fixture(scope="session")
def pixels_index(built_pixels: Path) -> Index:
    """The same, open."""
    return open_index(built_pixels)


@pytest.fixture(scope="session")
def originals(pixels_index: Index, training: Path) -> list[tuple[int, Image.Image]]:
    """Row and picture of each training photograph of that index, small."""
    found = []
    for row, record in pixels_index.records(range(pixels_index.rows)).items():
        with Image.open(training / record.id) as image:
            found.append((row, image.convert("RGB").resize((96, 64))))
    return found


@pytest.fixture(scope="session")
def planted(pixels_index: Index, originals: list[tuple[int, Image.Image]]) -> Planted:
    """Edited copies of these."""
    return plant(pixels_index, originals)


@pytest.fixture(scope="session")
def built_guarded(built_pixels: Path, planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of that index with canaries for a threshold of 0.9. Shared: copy it before you damage it."""
    folder = Path(shutil.copytree(built_pixels, tmp_path_factory.mktemp("guarded") / "index"))
    store_canaries(open_index(folder), planted, 0.9)
    return folder


@pytest.fixture(scope="session")
def holdout(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., Image.Image]) -> Path:
    """Folder of 120 made-up images, which are not in any training set."""
    folder = tmp_path_factory.mktemp("holdout")
    for seed in range(120):
        picture(1000 + seed, (16, 16)).save(folder / f"{seed:03d}.png")
    return folder


@pytest.fixture(scope="session")
def built_calibrated(tmp_path_factory: pytest.TempPathFactory, built_pixels: Path, holdout: Path) -> Path:
    """Index of the training photographs with ``pixels``, calibrated at 5 %. Shared, as `built_pixels`."""
    folder = Path(shutil.copytree(built_pixels, tmp_path_factory.mktemp("calibrated") / "index"))
    calibrate_index(open_index(folder), CalibrateOptions(holdout, fpr=0.05, plant=0))
    return folder


@pytest.fixture(scope="session")
def captions() -> list[tuple[str, str | None, str]]:
    """Photograph, caption and label of each row of `built_captioned`."""
    rows: list[tuple[str, str | None, str]] = [
        ("cat.jpg", "a cat", "animal"),
        ("coffee.jpg", "a cup of coffee", "thing"),
        ("coffee.jpg", "Coffee again", "thing"),
        ("coffee.jpg", "more coffee", "thing"),
        ("coins.jpg", "A  Cat", "thing"),
        ("cups.jpg", None, "cup"),
        ("astronaut.jpg", "an astronaut", "person"),
        ("astronaut.jpg", "an astronaut in a suit", "person"),
        ("wall-clock.jpg", "a clock", "thing"),
    ]
    return rows


@pytest.fixture(scope="session")
def built_captioned(
    tmp_path_factory: pytest.TempPathFactory, training: Path, captions: list[tuple[str, str | None, str]]
) -> Path:
    """Index with captions, labels and counted duplicates: 3 times coffee, 2 astronauts. Shared, as above."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("captioned")
    pictures: dict[str, bytes] = {}
    for name in {name for name, _, _ in captions}:
        with Image.open(training / name) as image:
            buffer = io.BytesIO()
            image.convert("RGB").resize((96, 64)).save(buffer, "PNG")
            pictures[name] = buffer.getvalue()
    columns = {
        "png": pa.array([pictures[name] for name, _, _ in captions], pa.binary()),
        "text": pa.array([text for _, text, _ in captions], pa.string()),
        "label": pa.array([label for _, _, label in captions], pa.string()),
    }
    pq.write_table(pa.table(columns), folder / "train.parquet")
    build_index(folder / "train.parquet", folder / "index", BuildOptions(embedder="pixels", shard_rows=4))
    index = open_index(folder / "index")
    store_duplicates(index, find_duplicates(index, 0.99))
    return folder / "index"


@pytest.fixture(scope="session")
def captioned_index(built_captioned: Path) -> Index:
    """The same, open."""
    return open_index(built_captioned)


@pytest.fixture
def damaged(built_pixels: Path, tmp_path: Path) -> Path:
    """A copy of that index to be damaged."""
    return Path(shutil.copytree(built_pixels, tmp_path / "index"))


@pytest.fixture(scope="session")
def sscd_index(tmp_path_factory: pytest.TempPathFactory, training: Path) -> Index:
    """Index of the training photographs with the real SSCD weights, open."""
    folder = tmp_path_factory.mktemp("sscd") / "index"
    build_index(training, folder)
    return open_index(folder)


@pytest.fixture(scope="session")
def part_photos(training: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 6 training photographs. Shared: copy it before you change it."""
    folder = tmp_path_factory.mktemp("objects") / "images"
    folder.mkdir()
    for name in ("berries", "cat", "coffee", "coins", "motorcycle", "wall-clock"):
        shutil.copy(training / f"{name}.jpg", folder)
    return folder


@pytest.fixture(scope="session")
def objects_index(part_photos: Path) -> Index:
    """Index of these with ``pixels``, parts and local features, open. Shared, as above."""
    pytest.importorskip("cv2")
    options = BuildOptions(embedder="pixels", shard_rows=4, objects="quarters", progress=False)
    return open_index(build_index(part_photos, part_photos.parent / "index", options).index)


@pytest.fixture(scope="session")
def unseen(unrelated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 11 small photographs and 15 made-up images that are in no training set."""
    folder = tmp_path_factory.mktemp("unseen")
    for path in sorted(unrelated.iterdir()):
        with Image.open(path) as image:
            image.convert("RGB").resize((120, 90)).save(folder / f"{path.stem}.png")
    for seed in range(15):
        noise = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        made = Image.fromarray(noise).resize((40, 30), Image.Resampling.BICUBIC)
        made.save(folder / f"made-{seed:02d}.png")
    return folder


@pytest.fixture(scope="session")
def parts_calibrated(objects_index: Index, unseen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That index, calibrated at 40 % with parts of 8 images and canaries of 3. Shared, as above."""
    folder = Path(shutil.copytree(objects_index.path, tmp_path_factory.mktemp("calibrated") / "index"))
    options = CalibrateOptions(unseen, fpr=0.4, plant=3, copies_from=0.99, objects=8, progress=False)
    calibrate_index(open_index(folder), options)
    return folder


@pytest.fixture(scope="session")
def pasted(part_photos: Path, unrelated: Path) -> Samples:
    """The motorcycle mirrored in another photograph, that photograph, and a picture of nothing."""
    with Image.open(unrelated / "jetty.jpg") as host, Image.open(part_photos / "motorcycle.jpg") as source:
        copied = host.convert("RGB")
        copied.paste(ImageOps.mirror(source.convert("RGB").crop((100, 100, 400, 280))), (40, 60))
        return Samples.of([copied, host.convert("RGB"), Image.new("RGB", (64, 48), (90, 90, 90))])


@pytest.fixture(scope="session")
def objects_verdict(objects_index: Index, pasted: Samples) -> Verdict:
    """What a check of these says that looks at parts, at a threshold that none of them reaches."""
    with surrounded_by(None):
        return check_replication(pasted, 0.99, index=objects_index, objects=True)


@pytest.fixture(scope="session")
def made_up_index() -> Callable[..., Index]:
    """Write an index of given vectors, (rows, views, dim) a shard, and open it."""

    def write(folder: Path, *shards: np.ndarray, dtype: str = "<f4", sha256: str | None = "s") -> Index:
        views = tuple(View(f"view {i}", (0, 0, 1, 1)) for i in range(shards[0].shape[1]))
        spec = EmbedderSpec("toy", shards[0].shape[2], None, "none", "toy")
        rows = sum(len(vectors) for vectors in shards)
        source = (SourceEntry("x", rows),)
        shard_rows, probe = max(1, len(shards[0])), FileEntry(0, "", "")
        manifest = Manifest(spec, DECODER, views, dtype, shard_rows, "now", "0", probe, source)
        with IndexWriter(folder) as writer:
            (folder / "probe.npz").touch()
            writer.start(manifest)
            for number, vectors in enumerate(shards):
                records = [
                    Record(f"{number}-{i}", f"/{number}/{i}", sha256, 1, 1) for i in range(len(vectors))
                ]
                writer.add_shard(vectors, records, [], "listing")
            writer.finish(rows, 0)
        return open_index(folder)

    return write


@pytest.fixture(scope="session")
def ddpm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an unconditional pipeline of diffusers, random weights, grey 8 x 8 images."""
    pytest.importorskip("diffusers")
    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(0)
    network = UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(4, 4),
        norm_num_groups=2,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        add_attention=False,
    )
    folder = tmp_path_factory.mktemp("models") / "ddpm"
    DDPMPipeline(network, DDPMScheduler(num_train_timesteps=100)).save_pretrained(folder)
    # Whatever it takes is imported here: a suite in process drops what it was first to import, and torch does not
    # survive being loaded twice.
    load_model(str(folder), ["steps=1"]).sample(1)
    return folder


@pytest.fixture(params=engine_names())
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each approximate engine in turn; one whose library is not installed is skipped."""
    try:
        engine_class(request.param).library()
    except SettingsError as error:
        pytest.skip(str(error))
    return str(request.param)
