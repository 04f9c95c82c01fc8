"""Tiny pipelines with random weights, as diffusers saves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_replication.models.diffusers import DiffusersModel
from pytest_replication.models.load import load_model


@pytest.fixture(scope="session")
def drawn(ddpm: Path) -> DiffusersModel:
    """The same, loaded to take two steps."""
    model = load_model(str(ddpm), ["steps=2"])
    assert isinstance(model, DiffusersModel)
    return model


WORDS = (
    "<|startoftext|>",
    "<|endoftext|>",
    *(c + e for c in "abcdefghijklmnopqrstuvwxyz" for e in ("", "</w>")),
)


@pytest.fixture(scope="session")
def text_parts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, Any]]:
    """Make the parts of a text-to-image pipeline of 16 x 16 images."""
    pytest.importorskip("diffusers")
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("vocabulary")
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(WORDS)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")

    def make() -> dict[str, Any]:
        torch.manual_seed(0)
        ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
        text = CLIPTextConfig(
            vocab_size=len(WORDS),
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=16,
            **ends,
        )
        return {
            "vae": AutoencoderKL(
                block_out_channels=(4, 4),
                norm_num_groups=2,
                down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2,
                sample_size=16,
            ),
            "text_encoder": CLIPTextModel(text),
            "tokenizer": CLIPTokenizer(
                str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16
            ),
            "unet": UNet2DConditionModel(
                sample_size=8,
                layers_per_block=1,
                block_out_channels=(4, 4),
                norm_num_groups=2,
                cross_attention_dim=8,
                attention_head_dim=2,
                down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            ),
            "scheduler": DDIMScheduler(
                num_train_timesteps=100, clip_sample=False, set_alpha_to_one=False, steps_offset=1
            ),
        }

    return make


@pytest.fixture(scope="session")
def text_model(tmp_path_factory: pytest.TempPathFactory, text_parts: Callable[[], dict[str, Any]]) -> Path:
    """Folder of a pipeline in the layout of Stable Diffusion, without a safety checker."""
    from diffusers import StableDiffusionPipeline

    folder = tmp_path_factory.mktemp("models") / "text"
    StableDiffusionPipeline(
        **text_parts(), safety_checker=None, feature_extractor=None, requires_safety_checker=False
    ).save_pretrained(folder)
    return folder
