from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.errors import ModelError, SampleError
from pytest_replication.models import Samples, load_model
from pytest_replication.models.diffusers import DiffusersModel

QUICK = ["steps=2", "height=16", "width=16"]

pytest.importorskip("diffusers")


def pixels(samples: Samples) -> np.ndarray:
    return np.stack([np.asarray(image) for image in samples]).astype(int)


@pytest.fixture(scope="module")
def painter(text_model: Path) -> DiffusersModel:
    model = load_model(str(text_model), QUICK)
    assert isinstance(model, DiffusersModel)
    return model


def test_prompts_make_images(painter: DiffusersModel) -> None:
    samples = painter.sample(3, seed=1, prompts=["a dog", "a cat", "a dog"])
    assert samples.prompts == ("a dog", "a cat", "a dog")
    assert [image.size for image in samples] == [(16, 16)] * 3
    alone = painter.sample(1, seed=2, prompts=["a cat"])
    assert np.abs(pixels(samples)[1] - pixels(alone)[0]).max() <= 1
    assert not np.array_equal(pixels(painter.sample(1, seed=2, prompts=["a dog"])), pixels(alone))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, ModelError, "makes images from prompts, and none are given: give one a sample"),
        ({"prompts": ["a"]}, SampleError, "2 samples are wanted of .* with 1 prompts"),
        ({"prompts": "ab"}, SampleError, "expected a list of one a sample"),
        ({"prompts": ["a", 3]}, SampleError, "is 3; expected a text"),
        ({"prompts": ["a", "b"], "labels": [1, 2]}, ModelError, "takes no labels"),
    ],
)
def test_other_prompts_are_refused(painter: DiffusersModel, given: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        painter.sample(2, **given)


def test_guidance_and_negative_prompt_change_the_images(text_model: Path, painter: DiffusersModel) -> None:
    def draw(*options: str) -> np.ndarray:
        return pixels(load_model(str(text_model), [*QUICK, *options]).sample(2, prompts=["a", "b"]))

    plain = pixels(painter.sample(2, prompts=["a", "b"]))
    assert not np.array_equal(draw("guidance=30"), plain)
    assert not np.array_equal(draw("negative_prompt=zzz", "guidance=30"), draw("guidance=30"))


def test_a_file_of_a_model_is_a_model(text_model: Path, painter: DiffusersModel, tmp_path: Path) -> None:
    file = tmp_path / "model.toml"
    file.write_text(f"[model]\npath = '{text_model}'\n[sampling]\nsteps = 9\nheight = 16\nwidth = 16\n")
    model = load_model(str(file), ["steps=2"])
    assert model.fingerprint == painter.fingerprint
    assert np.array_equal(pixels(model.sample(1, prompts=["a"])), pixels(painter.sample(1, prompts=["a"])))
    assert (model.identity.name, model.identity.options) == (str(file), ("steps=2",))


class Blackens:
    """A safety checker that dislikes the second image of a batch."""

    def __init__(self, call: Callable[..., Any], flag: str) -> None:
        self.flag = flag
        self.call = call

    def __call__(self, *given: Any, **named: Any) -> Any:
        output = self.call(*given, **named)
        output.images[1] = 0
        output.nsfw_content_detected = [False, True] if self.flag == "nsfw_content_detected" else None
        output.nsfw_detected = [False, True]  # of pipelines in the style of IF
        return output


@pytest.mark.parametrize("flag", ["nsfw_content_detected", "nsfw_detected"])
def test_an_image_that_a_safety_checker_blackened_is_an_error(
    painter: DiffusersModel, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setattr(painter, "pipeline", Blackens(painter.pipeline, flag))
    with pytest.raises(
        SampleError, match="safety checker of .* with seed 6 of the prompt 'b', so that it cannot"
    ):
        painter.sample(2, seed=5, prompts=["a", "b"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["lora={}/torch.bin"], "is no safetensors file: a pickle can run code"),
        (["lora_scale=0.5"], "lora_scale is set for .* without a lora"),
        (["lora={}/other.safetensors"], "of lora"),
        (["textual_inversion={}/other.safetensors"], "of textual_inversion cannot be put into"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(
    text_model: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    import torch
    from safetensors.torch import save_file

    (tmp_path / "torch.bin").touch()
    save_file({"x": torch.zeros(2), "y": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=message):
        load_model(str(text_model), [*QUICK, *(option.format(tmp_path) for option in options)])


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory, text_parts: Callable[[], dict[str, Any]]) -> Path:
    """An adapter of the network, as the training script of diffusers saves it."""
    pytest.importorskip("peft")
    import torch
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    folder = tmp_path_factory.mktemp("lora")
    unet = text_parts()["unet"]
    unet.add_adapter(LoraConfig(r=2, init_lora_weights="gaussian", target_modules=["to_q", "to_v"]))
    with torch.no_grad():
        for name, weight in unet.named_parameters():
            if "lora_B" in name:
                weight.fill_(5.0)
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet))
    StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=layers, safe_serialization=True)
    return next(folder.glob("*.safetensors"))


def test_a_lora_changes_the_images_with_its_scale(
    text_model: Path, painter: DiffusersModel, lora: Path
) -> None:
    plain = pixels(painter.sample(1, prompts=["a"]))
    whole, none = (
        load_model(str(text_model), [*QUICK, f"lora={lora}", *scale]) for scale in ([], ["lora_scale=0"])
    )
    assert not np.array_equal(pixels(whole.sample(1, prompts=["a"])), plain)
    assert np.abs(pixels(none.sample(1, prompts=["a"])) - plain).max() <= 1
    assert len({painter.fingerprint, whole.fingerprint, none.fingerprint}) == 3


def test_a_lora_of_which_layers_go_nowhere_is_refused(text_model: Path, lora: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    layers = load_file(lora)
    layer = next(key for key in layers if "lora_A" in key or "lora.down" in key).rpartition(".lora")[0]
    renamed = {key.replace(layer, f"{layer}_renamed"): value for key, value in layers.items()}
    save_file(renamed, tmp_path / "renamed.safetensors")
    with pytest.raises(ModelError, match=r"layers of the lora .* have a place in|cannot be put into"):
        load_model(str(text_model), [*QUICK, f"lora={tmp_path / 'renamed.safetensors'}"])


def test_weights_under_the_name_of_another_library_are_not_what_is_looked_at(
    text_model: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(text_model, tmp_path / "model"))
    file = folder / "text_encoder" / "model.safetensors"
    shutil.copy(file, file.with_name("diffusion_pytorch_model.safetensors"))
    before = load_model(str(folder), QUICK).fingerprint
    save_file({key: 0 * value for key, value in load_file(file).items()}, file)
    assert load_model(str(folder), QUICK).fingerprint != before


def test_a_textual_inversion_adds_its_token(
    text_model: Path, painter: DiffusersModel, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"<thing>": torch.full((8,), 3.0)}, tmp_path / "thing.safetensors")
    model = load_model(str(text_model), [*QUICK, f"textual_inversion={tmp_path / 'thing.safetensors'}"])
    assert isinstance(model, DiffusersModel)
    assert "<thing>" in model.pipeline.tokenizer.get_vocab()
    assert not np.array_equal(
        pixels(model.sample(1, prompts=["<thing>"])), pixels(painter.sample(1, prompts=["<thing>"]))
    )
    assert model.fingerprint != painter.fingerprint


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory, text_parts: Callable[[], dict[str, Any]]) -> Path:
    """A pipeline of a tiny diffusion transformer with the classes of ImageNet."""
    import torch
    from diffusers import DDIMScheduler, DiTPipeline, DiTTransformer2DModel

    torch.manual_seed(0)
    network = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=4,
        in_channels=4,
        out_channels=8,
        num_layers=1,
        sample_size=8,
        patch_size=4,
        num_embeds_ada_norm=1000,
    )
    folder = tmp_path_factory.mktemp("models") / "classes"
    DiTPipeline(network, text_parts()["vae"], DDIMScheduler()).save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    names = {"1": "goldfish, Carassius auratus", "2": "great white shark"}
    (folder / "model_index.json").write_text(json.dumps(index | {"id2label": names}))
    return folder


def test_classes_make_images(classes: Path) -> None:
    model = load_model(str(classes), ["steps=2"])
    samples = model.sample(3, seed=4, labels=[1, 7, "goldfish"])
    assert samples.labels == (1, 7, "goldfish")
    alone = model.sample(1, seed=5, labels=[7])
    assert np.abs(pixels(samples)[1] - pixels(alone)[0]).max() <= 1
    assert np.array_equal(pixels(model.sample(1, labels=["goldfish"])), pixels(model.sample(1, labels=[1])))
    with pytest.raises(ModelError, match="makes images from labels, and none are given"):
        model.sample(1)
    with pytest.raises(ModelError, match="has no class 'goldfsh' .did you mean goldfish"):
        model.sample(1, labels=["goldfsh"])
    with pytest.raises(ModelError, match="has the classes 0 to 999, not 1000"):
        model.sample(1, labels=[1000])


def test_a_checker_is_loaded_only_where_it_is_wanted(text_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(text_model, tmp_path / "copy"))
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="lacks the folder safety_checker"):
        load_model(str(folder), QUICK)
    model = load_model(str(folder), [*QUICK, "safety_checker=false"])
    assert model.fingerprint != load_model(str(text_model), QUICK).fingerprint
