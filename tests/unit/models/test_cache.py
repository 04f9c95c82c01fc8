from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.errors import ModelError
from pytest_replication.models import load_model
from pytest_replication.models.base import Request
from pytest_replication.models.batches import BatchedModel
from pytest_replication.models.cache import SampleCache


class Counting(BatchedModel):
    """Noise of each seed, and the prompt as a shade; counts what it made."""

    takes_prompts = True
    name = "counting"
    batch = 2

    def __init__(self, folder: Path, fingerprint: str = "f", place: str = "cpu") -> None:
        self.fingerprint, self.made = fingerprint, list[int]()
        self.cache = SampleCache(folder, fingerprint, ("numpy", "no-such-library"), place)

    def make(self, requests: Sequence[Request]) -> list[Image.Image]:
        self.made += [request.seed for request in requests]
        rows = [np.random.default_rng(r.seed).integers(0, 256, (4, 4, 3), dtype=np.uint8) for r in requests]
        return [Image.fromarray(row) for row in rows]


def content(model: BatchedModel, count: int, seed: int = 0, prompts: Sequence[str] = ()) -> list[bytes]:
    return [image.tobytes() for image in model.sample(count, seed, prompts=prompts)]


def test_a_second_run_makes_nothing_and_a_longer_one_the_rest(tmp_path: Path) -> None:
    first, second = Counting(tmp_path), Counting(tmp_path)
    samples = content(first, 5)
    assert content(second, 5) == samples
    assert second.made == []
    assert content(second, 7, seed=1)[:4] == samples[1:]
    assert second.made == [5, 6, 7]


def test_a_sample_is_kept_by_all_that_it_is_made_from(tmp_path: Path) -> None:
    content(Counting(tmp_path), 1)
    content(Counting(tmp_path), 1, prompts=["a"])
    for model in (Counting(tmp_path, "g"), Counting(tmp_path, place="cuda"), Counting(tmp_path)):
        content(model, 1, prompts=["b"] if model.fingerprint == "f" and model.place == "cpu" else [])
        assert model.made == [0] or model.made == []
    known = Counting(tmp_path)
    content(known, 1, prompts=["a"])
    assert known.made == []


@pytest.mark.parametrize("how", ["png", "json", "other", "gone"])
def test_a_sample_that_was_changed_is_made_again(tmp_path: Path, how: str) -> None:
    samples = content(Counting(tmp_path), 2)
    pngs = sorted(tmp_path.rglob("*.png"))
    if how == "png":
        Image.new("RGB", (4, 4)).save(pngs[0])
    elif how == "json":
        pngs[0].with_suffix(".json").write_text("{")
    elif how == "gone":
        pngs[0].with_suffix(".json").unlink()
    else:  # whole, but of another sample
        pngs[0].write_bytes(pngs[1].read_bytes())
        pngs[0].with_suffix(".json").write_bytes(pngs[1].with_suffix(".json").read_bytes())
    again = Counting(tmp_path)
    assert content(again, 2) == samples
    assert len(again.made) == 1
    assert list(tmp_path.rglob("*.new")) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="cannot be made"):
        Counting(tmp_path / "file")


def test_a_function_is_not_cached_and_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain_model.py").write_text(
        "import numpy as np\ndef make(seeds):\n    return np.zeros((len(seeds), 4, 4, 3))"
    )
    monkeypatch.syspath_prepend(tmp_path)
    model = load_model("plain_model:make", cache=tmp_path / "cache")
    assert "not kept in the cache" in model.sample(1).model.notes[0]  # type: ignore[union-attr]


def test_a_pipeline_is_cached(ddpm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> BatchedModel:
        model = load_model(str(ddpm), ["steps=2"], cache=tmp_path)
        assert isinstance(model, BatchedModel)
        return model

    samples = content(load(), 3)
    again = load()
    monkeypatch.setattr(again, "make", None)
    assert content(again, 3) == samples
