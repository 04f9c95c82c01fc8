from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.errors import ModelError, SampleError
from pytest_replication.models import Samples, load_model
from pytest_replication.models.diffusers import DiffusersModel

pytest.importorskip("diffusers")


def pixels(samples: Samples) -> np.ndarray:
    return np.stack([np.asarray(image) for image in samples]).astype(int)


@pytest.fixture
def copied(ddpm: Path, tmp_path: Path) -> Path:
    """A copy of the pipeline to be damaged."""
    return Path(shutil.copytree(ddpm, tmp_path / "copy"))


def test_a_folder_of_a_pipeline_is_a_model(drawn: DiffusersModel, ddpm: Path) -> None:
    samples = drawn.sample(3, seed=5)
    assert (samples.seeds, samples.prompts, samples.labels) == ((5, 6, 7), (), ())
    assert samples.source == str(ddpm)
    assert samples.model == drawn.identity
    assert drawn.identity.options == ("steps=2",)
    assert [image.mode for image in samples] == ["RGB"] * 3
    assert len({image.tobytes() for image in samples}) == 3


def test_a_sample_does_not_depend_on_the_batch(
    drawn: DiffusersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for batch in (1, 7, 32):
        monkeypatch.setattr(drawn, "batch", batch)
        found.append(pixels(drawn.sample(33, seed=2)))
    assert max(np.abs(found[0] - other).max() for other in found) <= 1
    assert np.array_equal(pixels(drawn.sample(1, seed=4))[0], found[2][2])


def test_the_fingerprint_is_of_weights_and_what_changes_images(ddpm: Path, copied: Path) -> None:
    def fingerprint(folder: Path, *options: str) -> str | None:
        return load_model(str(folder), options).fingerprint

    plain = fingerprint(ddpm)
    assert plain is not None
    assert len(plain) == 64
    assert fingerprint(copied) == fingerprint(copied, "batch=3") == plain
    assert fingerprint(ddpm, "steps=3") != plain
    assert fingerprint(ddpm, "scheduler=DDIMScheduler") != plain
    (copied / "README.md").write_text("not read")
    assert fingerprint(copied) == plain
    weights = copied / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert fingerprint(copied) != plain


def test_prompts_and_labels_are_refused_where_there_are_none(drawn: DiffusersModel) -> None:
    with pytest.raises(ModelError, match="takes no prompts, but 2 are given"):
        drawn.sample(2, prompts=["a", "b"])
    with pytest.raises(ModelError, match="takes no labels, but 1 are given"):
        drawn.sample(1, labels=[3])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("guidance=7.5", "DDPMPipeline of .* takes no guidance: leave it away .*num_inference_steps"),
        ("height=16", "takes no height"),
        (
            "arguments.num_inference_step=3",
            "no argument num_inference_step here .did you mean num_inference_steps",
        ),
        ("arguments.generator=3", "no argument generator"),
        ("scheduler=DDIMSheduler", "cannot take the scheduler DDIMSheduler .did you mean DDIMScheduler"),
        (
            "scheduler=EulerDiscreteScheduler",
            "does not scale its noise as the scheduler EulerDiscreteScheduler",
        ),
        ("offload=model", "needs a GPU"),
        ("device=cuda:9", "cannot be put on cuda:9"),
        ("noise=4", "a pipeline of diffusers, which takes no noise"),
        ("variant=fp16", "no part of .* has weights of the variant fp16"),
        ("lora=missing.safetensors", "no file missing.safetensors of lora"),
        ("revision=main", "is a folder and has no revision"),
    ],
)
def test_an_option_that_the_pipeline_does_not_take_is_refused(ddpm: Path, option: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_model(str(ddpm), [option])


def damage(folder: Path, how: str) -> None:
    unet = folder / "unet"
    weights = unet / "diffusion_pytorch_model.safetensors"
    if how == "pickle":
        weights.rename(unet / "diffusion_pytorch_model.bin")
    elif how == "missing":
        weights.unlink()
    elif how == "cut":
        weights.write_bytes(weights.read_bytes()[:-4])
    elif how == "pointer":
        weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    elif how == "no folder":
        shutil.rmtree(unet)
    elif how == "no index":
        (folder / "model_index.json").unlink()
    elif how == "no JSON":
        (folder / "model_index.json").write_text("{")
    elif how == "tensor":
        from safetensors.torch import load_file, save_file

        tensors = load_file(weights)
        del tensors["conv_in.weight"]
        save_file(tensors, weights)
    elif how == "one too many":
        from safetensors.torch import load_file, save_file

        tensors = load_file(weights)
        save_file(tensors | {"other.weight": tensors["conv_in.bias"].clone()}, weights)
    elif how == "twice":
        listed = {"weight_map": {"conv_in.weight": weights.name}}
        (unet / f"{weights.name}.index.json").write_text(json.dumps(listed))
    else:
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps(index | json.loads(how)))
        for name in ("unet/own.py", "own.py"):
            (folder / name).write_text("raise SystemExit('run')")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("pickle", "diffusion_pytorch_model.bin is a pickle, which can run code"),
        ("missing", "holds no weights .UNet2DModel., expected a safetensors file"),
        ("cut", "no whole safetensors file .it has .* bytes and should have"),
        ("pointer", "Git LFS pointer: run 'git lfs pull'"),
        ("no folder", "lacks the folder unet"),
        ("no index", "holds no pipeline of diffusers, model_index.json is missing"),
        ("no JSON", "model_index.json cannot be read"),
        ("tensor", "lack 'conv_in.weight' .1 in all."),
        ("one too many", "hold 'other.weight' .1 such in all., for which its config.json has no place"),
        ("twice", "unet holds weights twice, .*index.json and diffusion_pytorch_model.safetensors"),
        ('{"unet": ["../own", "Unet"]}', "expected a library and a class"),
        ('{"unet": ["/tmp/own", "Unet"]}', "expected a library and a class"),
        ('{"_class_name": ["../own", "Pipeline"]}', "names no pipeline"),
        ('{"unet": ["own", "Unet"]}', r"runs code of its own \(unet/own.py\): read it"),
        ('{"_class_name": ["own", "Pipeline"]}', r"runs code of its own \(own.py\)"),
        ('{"unet": ["os", "system"]}', "is a class of os; only parts of diffusers and transformers"),
        ('{"unet": ["diffusers", "UNet9"]}', "UNet9, which this version of diffusers does not have"),
        ('{"_class_name": 3}', "names no pipeline"),
        ('{"_class_name": "NoPipeline"}', "cannot be loaded"),
        ('{"../unet": ["diffusers", "UNet2DModel"]}', "expected a library and a class"),
    ],
)
def test_a_damaged_pipeline_is_refused(copied: Path, how: str, message: str) -> None:
    damage(copied, how)
    with pytest.raises(ModelError, match=message):
        load_model(f"diffusers:{copied}")


def test_the_wrong_folder_is_told(ddpm: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"is one part of a pipeline: give the folder above it, {ddpm}"):
        load_model(f"diffusers:{ddpm / 'unet'}")
    with pytest.raises(ModelError, match=f"did you mean {ddpm}"):
        load_model(f"diffusers:{ddpm.parent}")
    with pytest.raises(ModelError, match="there is no folder"):
        load_model(f"diffusers:{tmp_path / 'nothing'}")


def test_a_missing_library_is_told(ddpm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ModelError, match="needs diffusers .*pip install 'pytest-replication.diffusers.'"):
        load_model(str(ddpm))


@pytest.mark.parametrize("name", ["owner/name", "owner/name@main", "owner/name@0123456"])
def test_a_name_of_the_hub_needs_a_commit(name: str) -> None:
    with pytest.raises(ModelError, match="owner/name@COMMIT with its 40 hexadecimal digits"):
        load_model(f"diffusers:{name}")


def test_a_commit_of_the_hub_is_fetched_without_pickles(ddpm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import diffusers

    asked: dict[str, Any] = {}

    def download(name: str, **given: Any) -> str:
        asked.update(given, name=name)
        return str(ddpm)

    monkeypatch.setattr(diffusers.DiffusionPipeline, "download", download)
    commit = "0123456789" * 4
    model = load_model(f"diffusers:owner/name@{commit}")
    assert isinstance(model, DiffusersModel)
    assert (asked["name"], asked["revision"], model.commit) == ("owner/name", commit, commit)
    assert asked["use_safetensors"] is True
    assert asked["trust_remote_code"] is False


def test_two_commits_are_one_too_many() -> None:
    with pytest.raises(ModelError, match="names one commit and revision=b{40} another"):
        load_model(f"diffusers:owner/name@{'a' * 40}", [f"revision={'b' * 40}"])


def test_a_pipeline_that_hands_images_to_numpy_refuses_bfloat16(ddpm: Path) -> None:
    with pytest.raises(ModelError, match="which has no bfloat16: give dtype=float16 or float32"):
        load_model(str(ddpm), ["dtype=bfloat16"])


def test_the_fingerprint_is_of_every_file_that_may_be_read(ddpm: Path, copied: Path) -> None:
    before = load_model(str(copied), ["steps=1"]).fingerprint
    (copied / "unet" / "adapter_model.safetensors").write_bytes(b"x")
    assert load_model(str(copied), ["steps=1"]).fingerprint != before
    (copied / "unet" / "adapter_model.safetensors").unlink()
    (copied / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"x")  # pickles are never read
    assert load_model(str(copied), ["steps=1"]).fingerprint == before


def test_a_hub_that_is_kept_off_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="cannot be had from the hub .*HF_HUB_OFFLINE keeps off the hub"):
        load_model(f"diffusers:owner/no-such-name@{'0' * 40}")


class OutOfMemory:
    """A pipeline that takes at most so many samples at a time."""

    def __init__(self, call: Callable[..., Any], most: int) -> None:
        self.call, self.most, self.tried = call, most, list[int]()

    def __call__(self, pipeline: Any, requests: list[Any]) -> Any:
        import torch

        self.tried.append(len(requests))
        if len(requests) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.call(pipeline, requests)


def test_the_batch_is_halved_where_memory_ends(
    drawn: DiffusersModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = pixels(drawn.sample(7, seed=1))
    small = OutOfMemory(drawn._call, 3)
    monkeypatch.setattr(drawn, "_call", small)
    monkeypatch.setattr(drawn, "batch", 8)
    assert np.abs(pixels(drawn.sample(7, seed=1)) - expected).max() <= 1
    assert small.tried == [7, 3, 3, 1]
    assert capsys.readouterr().err.count("out of memory with 7 samples") == 1
    monkeypatch.setattr(small, "most", 0)
    with pytest.raises(ModelError, match="memory is too small for one sample"):
        drawn.sample(2)


def test_values_that_are_not_finite_are_no_black_image(
    drawn: DiffusersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    weight = drawn.pipeline.unet.conv_out.bias
    before = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.fill_(float("nan"))
        with pytest.raises(SampleError, match="not finite for the sample with seed 4: sample it with dtype"):
            drawn.sample(2, seed=4)
    finally:
        with torch.no_grad():
            weight.copy_(before)


def test_a_pipeline_that_raises_is_an_error(drawn: DiffusersModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pipeline: Any, requests: list[Any]) -> Any:
        raise RuntimeError("shapes\ndo not fit")

    monkeypatch.setattr(drawn, "_call", fail)
    with pytest.raises(ModelError, match=r"failed for seeds 3 to 4 \(RuntimeError: shapes\)"):
        drawn.sample(2, seed=3)
