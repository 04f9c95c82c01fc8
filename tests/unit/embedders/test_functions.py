from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.embedders import load_embedder
from pytest_replication.embedders.base import sha256_of
from pytest_replication.embedders.probe import embed_images, probe_images, prove
from pytest_replication.errors import EmbedderError, EmbedderUnavailable, SettingsError

SOURCE = """
import numpy as np

NUMBER = 3
calls = []

def small(images):
    assert all(image.mode == "RGB" for image in images)
    return np.stack([np.asarray(image.resize((2, 2)), float) for image in images]) + 1

def vectors(images):
    return small(images).reshape(len(images), -1)

def tokens(images):
    return small(images).reshape(len(images), 4, 3).tolist()

def maps(images):
    return small(images).transpose(0, 3, 1, 2)

def first_only(images):
    return vectors(images[:1])

def raises(images):
    raise RuntimeError("no such weights")

def leaves(images):
    raise SystemExit("no such weights")

def nothing(images):
    pass

def growing(images):
    calls.append(0)
    return np.ones((len(images), len(calls)))

def greedy(images):
    rows = vectors(images)
    images.clear()
    return rows
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Write a module ``mine`` that can be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str) -> Path:
        (tmp_path / "mine.py").write_text(source)
        sys.modules.pop("mine", None)
        importlib.invalidate_caches()
        return tmp_path / "mine.py"

    yield write
    sys.modules.pop("mine", None)


@pytest.fixture
def mine(module: Callable[[str], Path]) -> Path:
    return module(SOURCE)


def test_a_function_is_an_embedder(mine: Path) -> None:
    embedder = load_embedder("callable:mine:vectors")
    images = probe_images()
    rows = np.stack([np.asarray(image.resize((2, 2)), float).ravel() + 1 for image in images])
    assert np.abs(embed_images(embedder, images) - rows / np.linalg.norm(rows, axis=1)[:, None]).max() < 1e-6
    assert embedder.spec.name == embedder.spec.location == "callable:mine:vectors"
    assert embedder.spec.weights_sha256 == sha256_of(mine)
    assert embedder.spec.dim == 12
    assert embedder.default_threshold is None
    prove(embedder)
    with pytest.raises(EmbedderError, match="it has no tokens"):
        embedder.tokens([])


@pytest.mark.parametrize("name", ["tokens", "maps"])
def test_tokens_are_averaged_and_can_be_asked_for(mine: Path, name: str) -> None:
    embedder = load_embedder(f"callable:mine:{name}")
    batch = [embedder.prepare(image) for image in probe_images()]
    assert embedder.token_shape == (4, 3)
    assert embedder.spec.dim == 3
    found = embedder.tokens(batch)
    corner = np.asarray(probe_images()[0].resize((2, 2)), float)[0, 1] + 1
    assert np.abs(found[0, 1] - corner).max() < 1e-4
    assert np.allclose(embedder.forward(batch), found.mean(axis=1))


def test_a_function_that_changes_its_list_changes_nothing_else(mine: Path) -> None:
    prove(load_embedder("callable:mine:greedy"))


def test_a_changed_module_is_another_embedder(module: Callable[[str], Path]) -> None:
    digest = sha256_of(module(SOURCE))
    load_embedder("callable:mine:vectors", weights_sha256=digest)
    module(SOURCE.replace("+ 1", "+ 2"))
    with pytest.raises(EmbedderUnavailable, match="a function that was changed is another embedder"):
        load_embedder("callable:mine:vectors", weights_sha256=digest)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine:first_only", r"shape \(1, 12\) for 2 images"),
        ("mine:raises", "raised RuntimeError for 2 images: no such weights; call it"),
        ("mine:leaves", "raised SystemExit for 2 images: no such weights; call it"),
        ("mine:nothing", "array of object from a NoneType"),
        ("mine:missing", r"cannot be imported \(AttributeError.*pythonpath"),
        ("no_such_module:f", "cannot be imported"),
        ("mine:NUMBER", "is a int; expected a function"),
        ("sys:exc_info", "has no file whose sha256"),
    ],
)
def test_what_cannot_be_used_is_refused(mine: Path, name: str, message: str) -> None:
    with pytest.raises(EmbedderError, match=message):
        load_embedder(f"callable:{name}")


@pytest.mark.parametrize(
    "name", ["callable", "callable:mine", "callable:mine:", "callable?size=8:mine:vectors"]
)
def test_a_name_that_is_not_complete_is_refused(mine: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="write callable:module:function|takes no parameters"):
        load_embedder(name)


def test_a_preset_or_a_device_is_refused(mine: Path) -> None:
    with pytest.raises(SettingsError, match="takes no preset"):
        load_embedder("callable:mine:vectors", preset="sscd-320")
    with pytest.raises(SettingsError, match="leave the device at auto"):
        load_embedder("callable:mine:vectors", device="cpu")


def test_another_shape_later_is_an_error(mine: Path) -> None:
    embedder = load_embedder("callable:mine:growing")
    with pytest.raises(EmbedderError, match="return the same shape for every image"):
        embed_images(embedder, [Image.new("RGB", (4, 4))])


def test_a_module_that_ends_the_program_is_refused(module: Callable[[str], Path]) -> None:
    module("raise SystemExit(0)")
    with pytest.raises(EmbedderUnavailable, match=r"cannot be imported \(SystemExit: 0\)"):
        load_embedder("callable:mine:vectors")
