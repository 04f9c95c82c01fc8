from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.errors import SampleError
from pytest_replication.models import Samples, load_model


def test_a_folder_gives_its_images_by_name(pictures: Path) -> None:
    (pictures / "prompts.txt").write_text("x")
    samples = Samples.of(pictures)
    assert len(samples) == 12
    assert samples.names[3] == str(pictures / "03.png")
    assert [image.size for image in samples] == [(48, 32)] * 12


def test_paths_and_images_are_taken(pictures: Path, picture: Callable[..., Image.Image]) -> None:
    assert Samples.of([pictures / "03.png", str(pictures / "01.png")]).names[1] == str(pictures / "01.png")
    in_memory = Samples.of([picture(0)], seeds=[7], source="my model")
    assert (in_memory.names, in_memory.seeds, in_memory.source) == (("sample 0",), (7,), "my model")


def test_samples_stay_samples(pictures: Path) -> None:
    samples = Samples.of(pictures)
    assert Samples.of(samples) is samples
    told = Samples.of(samples, seeds=np.arange(12), source="elsewhere")  # type: ignore[arg-type]
    assert (told.seeds, told.source) == (tuple(range(12)), "elsewhere")
    assert all(type(seed) is int for seed in told.seeds)
    with pytest.raises(SampleError, match="the seeds of samples are"):
        Samples.of(samples, seeds=["x"] * 12)  # type: ignore[list-item]


@pytest.mark.parametrize("labels", [np.arange(12), [np.int64(i) for i in range(12)], list(range(12))])
def test_labels_of_numpy_are_numbers(pictures: Path, labels: list[int]) -> None:
    told = Samples.of(pictures, labels=labels)
    assert told.labels == tuple(range(12))
    assert all(type(label) is int for label in told.labels)


@pytest.mark.parametrize("label", [np.float64(1), np.bool_(True), True, np.arange(2), None])
def test_labels_that_are_neither_numbers_nor_texts_are_refused(pictures: Path, label: object) -> None:
    with pytest.raises(SampleError, match="the label of sample 0 is"):
        Samples.of(pictures, labels=[label] * 12)  # type: ignore[list-item]
    with pytest.raises(SampleError, match="the seeds of samples are"):
        Samples.of(pictures, seeds=[label] * 12)  # type: ignore[list-item]


def test_prompts_go_along(pictures: Path, picture: Callable[..., Image.Image]) -> None:
    prompts = [f"prompt {i // 4}" for i in range(12)]
    for given in (pictures, sorted(pictures.glob("*.png")), [picture(i) for i in range(12)]):
        assert Samples.of(given, prompts=prompts).prompts == tuple(prompts)
    assert Samples.of(Samples.of(pictures), prompts=prompts).prompts == tuple(prompts)
    assert Samples.of(Samples.of(pictures, prompts=prompts)).prompts == tuple(prompts)
    assert load_model(str(pictures)).sample(5, 0).prompts == ()


@pytest.mark.parametrize("prompts", [["a"], ["a"] * 13, [None] * 12, "a prompt    "])
def test_prompts_that_do_not_fit_are_refused(pictures: Path, prompts: list[str]) -> None:
    with pytest.raises(SampleError, match="prompt"):
        Samples.of(pictures, prompts=prompts)


@pytest.mark.parametrize(
    "given",
    [
        [],
        (),
        np.empty((0, 4, 4, 3), np.uint8),
        "missing",
        "file.txt",
        "empty",
        None,
        3,
        np.full((1, 2, 2, 3), np.nan),
    ],
)
def test_what_is_no_samples_is_refused(
    given: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(SampleError):
        Samples.of(given)


def test_a_folder_of_companions_only_holds_no_samples(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(SampleError, match="holds no samples: nothing was compared"):
        Samples.of(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_an_unreadable_sample_is_named(pictures: Path, content: bytes | None) -> None:
    if content is None:
        (pictures / "05.png").unlink()
        samples = Samples.of([pictures / "04.png", pictures / "05.png"])
    else:
        (pictures / "05.png").write_bytes(content)
        samples = Samples.of(pictures)
    with pytest.raises(SampleError, match=rf"sample {pictures / '05.png'} cannot be read"):
        list(samples)


def test_names_and_seeds_have_to_fit() -> None:
    image = Image.new("RGB", (2, 2))
    with pytest.raises(SampleError, match="2 seeds"):
        Samples.of([image], seeds=[1, 2])


def test_the_source_stands_before_what_is_wrong() -> None:
    with pytest.raises(SampleError, match=r"^my model: int was given"):
        Samples.of(3, source="my model")
