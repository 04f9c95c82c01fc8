from __future__ import annotations

import builtins
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_replication import cli
from pytest_replication.benchmark.results import read_results
from pytest_replication.benchmark.synthetic.fill import DiffusersFiller, TeleaFiller, open_filler
from pytest_replication.errors import BenchmarkError, ModelError


@pytest.fixture
def missing() -> np.ndarray:
    mask = np.ones((32, 48), np.bool_)
    mask[8:24, 10:26] = False
    return mask


def with_other_rest(image: Image.Image, missing: np.ndarray) -> Image.Image:
    """The same image with other pixels where it is missing."""
    return Image.fromarray(np.where(missing[..., None], 255 - np.asarray(image), np.asarray(image)))


@pytest.mark.parametrize("side", [16, 20, 48, 128])
def test_telea_keeps_what_is_kept_and_never_looks_at_the_rest(
    picture: Callable[..., Image.Image], missing: np.ndarray, side: int
) -> None:
    pytest.importorskip("cv2")
    image = picture(0)
    filler = TeleaFiller(side)
    filled = filler(image, missing, 0)
    assert np.array_equal(np.asarray(filled)[~missing], np.asarray(image)[~missing])
    assert filler(with_other_rest(image, missing), missing, 5).tobytes() == filled.tobytes()


def test_telea_carries_colours_outward() -> None:
    pytest.importorskip("cv2")
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[10:30, 10:20], pixels[10:30, 20:30] = (200, 20, 20), (20, 20, 200)
    missing = np.ones((40, 40), np.bool_)
    missing[10:30, 10:30] = False
    filled = np.asarray(TeleaFiller()(Image.fromarray(pixels), missing, 0), float)
    assert filled[20, 0].tolist() == pytest.approx([200, 20, 20], abs=40)
    assert filled[20, 39].tolist() == pytest.approx([20, 20, 200], abs=40)


def test_telea_fills_around_a_part_that_is_smaller_than_a_pixel_of_its_copy(
    picture: Callable[..., Image.Image],
) -> None:
    pytest.importorskip("cv2")
    missing = np.ones((32, 48), np.bool_)
    missing[5, 5] = False
    filled = np.asarray(TeleaFiller(16)(image := picture(0), missing, 0))
    assert (np.abs(filled.astype(int) - np.asarray(image)[5, 5]) <= 1).all()


def test_nothing_missing_leaves_the_image(picture: Callable[..., Image.Image]) -> None:
    pytest.importorskip("cv2")
    image = picture(0)
    assert TeleaFiller()(image, np.zeros((32, 48), np.bool_), 0).tobytes() == image.tobytes()


@pytest.mark.parametrize("mask", [np.ones((32, 48), np.bool_), np.zeros((48, 32), np.bool_)])
def test_a_mask_that_leaves_nothing_or_does_not_fit_is_refused(
    picture: Callable[..., Image.Image], mask: np.ndarray
) -> None:
    pytest.importorskip("cv2")
    with pytest.raises(BenchmarkError, match="for an image of 48 x 32"):
        TeleaFiller()(picture(0), mask, 0)


def test_without_opencv_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(BenchmarkError, match=r"pip install 'pytest-replication\[bench\]'"):
        TeleaFiller()


def test_a_filler_is_found_by_what_is_given(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    telea = open_filler()
    assert telea.about == {"name": "opencv-telea", "side": 128}
    assert open_filler(telea) is telea
    with pytest.raises(BenchmarkError, match=r"model_index\.json is missing"):
        open_filler(tmp_path)
    with pytest.raises(BenchmarkError, match="fills nothing"):
        open_filler(3)


class Pipeline:
    """Stands in for a pipeline: the call and the answer of diffusers' inpainting pipelines."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.flagged: list[bool] | None = None
        self.error: Exception | None = None

    def to(self, device: str) -> Pipeline:
        assert device == "cpu"
        return self

    def set_progress_bar_config(self, disable: bool) -> None:
        assert disable

    def __call__(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        if self.error is not None:
            raise self.error
        noise = np.random.default_rng(arguments["generator"].initial_seed()).integers(
            0, 256, (arguments["height"], arguments["width"], 3), dtype=np.uint8
        )
        return types.SimpleNamespace(images=[Image.fromarray(noise)], nsfw_content_detected=self.flagged)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pipeline:
    """The stand-in, which the library gives for a folder with a model_index.json."""
    pytest.importorskip("torch")
    (tmp_path / "model_index.json").write_text("{}")
    made = Pipeline()

    def load(path: str, **arguments: Any) -> Pipeline:
        assert path == str(tmp_path)
        assert arguments == {
            "local_files_only": True,
            "use_safetensors": True,
            "trust_remote_code": False,
        }
        return made

    library = types.ModuleType("diffusers")
    library.AutoPipelineForInpainting = types.SimpleNamespace(from_pretrained=load)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "diffusers", library)
    return made


def test_a_pipeline_is_called_as_diffusers_wants_it_and_sees_nothing_that_is_missing(
    pipeline: Pipeline, tmp_path: Path, picture: Callable[..., Image.Image], missing: np.ndarray
) -> None:
    image = picture(0, (48, 32)).resize((150, 100))
    large = np.asarray(Image.fromarray(missing).resize((150, 100), Image.Resampling.NEAREST))
    filler = DiffusersFiller(tmp_path, prompt="a photo", steps=3, guidance=2.0)
    filled = filler(image, large, 7)
    again = filler(with_other_rest(image, large), large, 7)
    assert filled is not None
    assert again is not None
    assert filled.tobytes() == again.tobytes()
    assert np.array_equal(np.asarray(filled)[~large], np.asarray(image)[~large])
    first, second = pipeline.calls
    assert first["image"].tobytes() == second["image"].tobytes()
    assert (first["width"], first["height"]) == first["image"].size == first["mask_image"].size == (144, 96)
    assert first["mask_image"].getpixel((0, 0)) == 255
    assert first["mask_image"].getpixel((48, 48)) == 0
    assert (first["prompt"], first["num_inference_steps"], first["guidance_scale"]) == ("a photo", 3, 2.0)
    assert filler.about["pipeline"] == "Pipeline"
    assert filler.about["folder"] == tmp_path.name


def test_what_the_safety_checker_blackens_is_refused_and_a_failure_is_told(
    pipeline: Pipeline, tmp_path: Path, picture: Callable[..., Image.Image], missing: np.ndarray
) -> None:
    filler = DiffusersFiller(tmp_path)
    pipeline.flagged = [True]
    assert filler(picture(0), missing, 0) is None
    pipeline.flagged = [False]
    assert filler(picture(0), missing, 0) is not None
    pipeline.error = RuntimeError("out of memory")
    with pytest.raises(ModelError, match="failed while it filled: out of memory"):
        filler(picture(0), missing, 0)


def test_a_folder_that_is_no_pipeline_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pipeline: Pipeline
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no file named diffusion_pytorch_model.safetensors")

    library = sys.modules["diffusers"]
    monkeypatch.setattr(library.AutoPipelineForInpainting, "from_pretrained", refuse)  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match="cannot be loaded: no file named"):
        DiffusersFiller(tmp_path)


def test_without_diffusers_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    real = builtins.__import__

    def missing_diffusers(name: str, *arguments: Any) -> Any:
        if name == "diffusers":
            raise ImportError("No module named 'diffusers'")
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", missing_diffusers)
    with pytest.raises(BenchmarkError, match=r"install the extra \[diffusers\]"):
        DiffusersFiller(tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # those of the library and of what it imports
def test_a_real_pipeline_of_random_weights(
    tmp_path: Path, picture: Callable[..., Image.Image], missing: np.ndarray
) -> None:
    pytest.importorskip("diffusers")
    pytest.importorskip("transformers")
    tiny_pipeline(tmp_path / "tiny")
    filler = open_filler(tmp_path / "tiny")
    assert isinstance(filler, DiffusersFiller)
    filler.steps = 2
    image = picture(0)
    filled = filler(image, missing, 3)
    assert filled is not None
    assert np.array_equal(np.asarray(filled)[~missing], np.asarray(image)[~missing])
    assert not np.array_equal(np.asarray(filled)[missing], np.asarray(image)[missing])
    for seed, same in ((3, True), (4, False)):
        again = filler(with_other_rest(image, missing), missing, seed)
        assert again is not None
        assert (again.tobytes() == filled.tobytes()) is same
    assert filler.about["pipeline"] == "StableDiffusionInpaintPipeline"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_command_line_fills_with_a_pipeline(tmp_path: Path, picture: Callable[..., Image.Image]) -> None:
    pytest.importorskip("diffusers")
    pytest.importorskip("transformers")
    tiny_pipeline(tmp_path / "tiny")
    (tmp_path / "photos").mkdir()
    for number in range(3):
        picture(number).save(tmp_path / "photos" / f"{number}.png")
    asked = [
        "benchmark",
        "--out",
        tmp_path / "out",
        "--set",
        "patch_outpaint",
        "--images",
        tmp_path / "photos",
    ]
    asked += ["--fill", tmp_path / "tiny", "--count", 2, "--negatives", 0, "--embedder", "pixels", "--json"]
    assert cli.main([str(arg) for arg in asked]) == 0
    (row,) = read_results(tmp_path / "out" / "results.json")
    assert row.about["fill"]["pipeline"] == "StableDiffusionInpaintPipeline"


def tiny_pipeline(folder: Path) -> None:
    """Save a Stable Diffusion inpainting pipeline with some thousand random weights."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    vocabulary = {token: number for number, token in enumerate(["<|startoftext|>", "<|endoftext|>", "a</w>"])}
    (folder / "words").mkdir(parents=True)
    (folder / "words" / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "words" / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(
        str(folder / "words" / "vocab.json"), str(folder / "words" / "merges.txt"), model_max_length=8
    )
    text = CLIPTextConfig(
        vocab_size=3,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=9,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
    )
    StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, safe_serialization=True)
