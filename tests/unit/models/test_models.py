from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_replication import load_model
from pytest_replication.errors import ModelLoadError, SampleError

MODULE = """
import numpy as np
from PIL import Image
from pytest_replication import Samples

def images(seeds):
    return [Image.fromarray(np.random.default_rng(s).integers(0, 256, (8, 8, 3), dtype=np.uint8)) for s in seeds]

def too_few(seeds):
    return images(seeds[1:])

def with_seeds(seeds):
    return Samples.of(images(seeds), seeds=[s + 100 for s in seeds])

def broken(seeds):
    return None

number = 3
"""


@pytest.fixture(autouse=True)
def toy_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_model.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_model", raising=False)


def test_a_function_gets_one_seed_a_sample() -> None:
    model = load_model("toy_model:images")
    three, later = model.sample(3, seed=5), model.sample(1, seed=7)
    assert three.seeds == (5, 6, 7)
    assert list(three)[2].tobytes() == next(iter(later)).tobytes()
    assert three.source == "toy_model:images"


def test_a_function_may_say_its_own_seeds() -> None:
    assert load_model("toy_model:with_seeds").sample(2, seed=0).seeds == (100, 101)


@pytest.mark.parametrize(
    ("name", "message"),
    [("too_few", "gave 1 images for 2 seeds"), ("broken", "toy_model:broken: NoneType was given")],
)
def test_a_function_that_gives_something_else_is_refused(name: str, message: str) -> None:
    with pytest.raises(SampleError, match=message):
        load_model(f"toy_model:{name}").sample(2, seed=0)


@pytest.mark.parametrize("prefix", ["", "folder:"])
def test_a_folder_gives_its_first_samples(pictures: Path, prefix: str) -> None:
    model = load_model(f"{prefix}{pictures}")
    assert [Path(name).name for name in model.sample(2, seed=9).names] == ["00.png", "01.png"]
    with pytest.raises(SampleError, match="holds 12 samples, but 13 are wanted"):
        model.sample(13, seed=0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:f", "cannot be imported"),
        ("toy_model:no_such_function", "cannot be imported"),
        ("toy_model:number", "is a int; expected a function of seeds"),
        ("/no/such/folder", "there is no model"),
        ("nothing", "there is no model"),
    ],
)
def test_what_is_no_model_is_refused(name: str, message: str) -> None:
    with pytest.raises(ModelLoadError, match=message):
        load_model(name)


def test_a_folder_that_is_missing_is_refused() -> None:
    with pytest.raises(SampleError, match="does not exist"):
        load_model("folder:/no/such/folder")
