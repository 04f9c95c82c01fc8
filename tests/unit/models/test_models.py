from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication import Samples, load_model
from pytest_replication.errors import ModelError, SampleError
from pytest_replication.models import draw

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

def classes(seeds, labels):
    assert all(type(label) is int for label in labels)
    return images(seeds)

def broken(seeds):
    return None

def raises(seeds):
    raise RuntimeError("out of memory")

def leaves(seeds):
    raise SystemExit("no GPU")

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


def test_a_function_may_be_asked_with_numbers_of_numpy() -> None:
    samples = load_model("toy_model:classes").sample(2, np.int64(5), labels=np.array([3, 1]))  # type: ignore[arg-type]
    assert (samples.seeds, samples.labels) == ((5, 6), (3, 1))
    assert all(type(number) is int for number in (*samples.seeds, *samples.labels))


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
    with pytest.raises(ModelError, match=message):
        load_model(name)


def test_a_folder_that_is_missing_is_refused() -> None:
    with pytest.raises(SampleError, match="does not exist"):
        load_model("folder:/no/such/folder")


@pytest.mark.parametrize(
    ("name", "told"), [("raises", "RuntimeError for seeds 3 to 4: out of memory"), ("leaves", "SystemExit")]
)
def test_a_function_that_raises_is_an_error_of_the_gate(name: str, told: str) -> None:
    with pytest.raises(ModelError, match=f"toy_model:{name} raised {told}"):
        load_model(f"toy_model:{name}").sample(2, seed=3)


def test_a_function_that_is_interrupted_is_no_error_of_the_gate() -> None:
    def interrupted(seeds: list[int]) -> None:
        raise KeyboardInterrupt

    model = load_model("toy_model:raises")
    model._generate = interrupted
    with pytest.raises(KeyboardInterrupt):
        model.sample(1)


def test_a_module_that_ends_the_program_while_it_is_imported_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "toy_leaving.py").write_text("raise SystemExit")
    with pytest.raises(ModelError, match="cannot be imported \\(SystemExit"):
        load_model("toy_leaving:images")


def test_a_module_that_raises_while_it_is_imported_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "half_written.py").write_text("def (")
    with pytest.raises(ModelError, match="cannot be imported \\(SyntaxError"):
        load_model("half_written:f")


@pytest.mark.parametrize("count", [0, -1])
def test_fewer_than_one_sample_is_never_drawn(pictures: Path, count: int) -> None:
    for name in ("toy_model:images", str(pictures)):
        with pytest.raises(SampleError, match="give a count of 1 or more"):
            load_model(name).sample(count, seed=0)


def test_how_many_samples_are_drawn(pictures: Path) -> None:
    assert len(draw(load_model(str(pictures)), None, 0)) == 12
    assert len(draw(load_model(str(pictures)), 3, 0)) == 3
    assert len(draw(load_model("toy_model:images"), None, 0)) == 256


def test_one_image_is_one_sample(pictures: Path) -> None:
    (pictures / "tall.PNG").write_bytes((pictures / "00.png").read_bytes())
    for name in ("00.png", "tall.PNG"):
        model = load_model(str(pictures / name))
        assert (model.ready, model.name) == (True, f"image {pictures / name}")
        assert draw(model, None, 0).names == (str(pictures / name),)
        assert Samples.of(pictures / name).image(0).size == (48, 32)
    with pytest.raises(SampleError, match="holds 1 sample, but 2 are wanted"):
        load_model(str(pictures / "00.png")).sample(2)
    (pictures / "bad.png").write_text("no image")
    with pytest.raises(SampleError, match=r"bad\.png cannot be read"):
        list(Samples.of(pictures / "bad.png"))
    with pytest.raises(ModelError, match="there is no model"):
        load_model(str(pictures / "none.png"))


def test_folders_that_are_something_else_are_told(tmp_path: Path, built_pixels: Path) -> None:
    with pytest.raises(ModelError, match="is an index, and holds no samples"):
        load_model(str(built_pixels))
    for number in range(6):
        (tmp_path / "models" / f"m{number}").mkdir(parents=True)
        (tmp_path / "models" / f"m{number}" / "model_index.json").touch()
    with pytest.raises(ModelError, match=r"one of pipelines: name one of them \(m0, m1, m2, m3, m4, …\)"):
        load_model(str(tmp_path / "models"))


def test_options_of_a_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "samples" / "0.png")
    (tmp_path / "model.toml").write_text("[model]\npath = 'toy_model:images'")
    assert load_model(str(tmp_path / "model.toml")).notes[0] == "by its file nothing is set"
