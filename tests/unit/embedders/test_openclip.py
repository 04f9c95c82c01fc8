from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from pytest_replication.embedders import load_embedder
from pytest_replication.embedders.base import sha256_of
from pytest_replication.embedders.probe import embed_images, probe_images, prove
from pytest_replication.errors import EmbedderUnavailable, SettingsError, UnknownName

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

TINY = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}


MULTIMODAL = {
    "context_length": 8,
    "vocab_size": 64,
    "width": 32,
    "heads": 2,
    "layers": 1,
    "attn_pooler_heads": 2,
}
MODELS = {
    "tiny-test": TINY,
    "tiny-timm": {
        "embed_dim": 16,
        "vision_cfg": {
            "timm_model_name": "test_vit",
            "timm_model_pretrained": False,
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": 160,
        },
        "text_cfg": TINY["text_cfg"],
        "custom_text": True,
    },
    "tiny-coca": {
        "embed_dim": 24,
        "vision_cfg": {
            **TINY["vision_cfg"],
            "attentional_pool": True,
            "attn_pooler_heads": 2,
            "output_tokens": True,
        },
        "text_cfg": {**TINY["text_cfg"], "context_length": 7, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": MULTIMODAL,
        "custom_text": True,
    },
}


@pytest.fixture(scope="module", autouse=True)
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("configs")
    for name, config in MODELS.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)


@pytest.fixture(scope="module")
def weights(tiny_model: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    torch.save(open_clip.create_model("tiny-test").state_dict(), path)
    return path


def test_a_local_file_gives_what_open_clip_gives(weights: Path) -> None:
    embedder = load_embedder(f"openclip:tiny-test:{weights}", device="cpu")
    model, transform = open_clip.create_model_from_pretrained("tiny-test", pretrained=str(weights))
    images = probe_images()
    with torch.inference_mode():
        batch = torch.stack([transform(image) for image in images])
        expected = model.eval().encode_image(batch, normalize=True).numpy()
    assert np.abs(embed_images(embedder, images) - expected).max() < 1e-5


def test_its_identity_is_complete(weights: Path) -> None:
    spec = load_embedder(f"openclip:tiny-test:{weights}").spec
    assert (spec.name, spec.dim) == ("openclip:tiny-test", 24)
    assert spec.weights_sha256 == sha256_of(weights)
    assert "Resize" in spec.preprocessing
    assert "0.48145466" in spec.preprocessing
    assert "0x" not in spec.preprocessing  # an address would differ from run to run
    assert spec.location == f"openclip:tiny-test:{weights}"


def test_it_is_fit_and_has_no_default_threshold(weights: Path) -> None:
    embedder = load_embedder(f"openclip:tiny-test:{weights}")
    prove(embedder)
    assert embedder.default_threshold is None


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("no-such-model/openai", "no model 'no-such-model'"),
        ("tiny-test/openai", "no weights 'openai' for tiny-test"),
        ("tiny-test:/nowhere.pt", "there is no file at /nowhere.pt, where weights .*: check the path"),
        ("tiny-test/openai:/nowhere.pt", "no weights 'openai' for tiny-test"),
    ],
)
def test_what_is_missing_is_named(argument: str, message: str) -> None:
    with pytest.raises((EmbedderUnavailable, UnknownName), match=message):
        load_embedder(f"openclip:{argument}")


@pytest.mark.parametrize("argument", ["", "ViT-B-32", "/openai", "ViT-B-32/", "ViT-B-32/openai:", ":x.pt"])
def test_an_incomplete_name_is_refused(argument: str) -> None:
    with pytest.raises(SettingsError, match="MODEL/PRETRAINED"):
        load_embedder(f"openclip:{argument}")


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(config: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(open_clip, "download_pretrained", offline)
    with pytest.raises(EmbedderUnavailable, match="openclip:ViT-B-32/openai:PATH"):
        load_embedder("openclip:ViT-B-32/openai")


@pytest.fixture
def tagged(weights: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A tag that is known, with weights at hand; what is known of it can be changed."""
    known: dict[str, object] = {"url": "x"}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda name, tag: known)
    monkeypatch.setattr(open_clip, "download_pretrained", lambda config: str(weights))
    return known


def test_weights_that_open_clip_knows_are_loaded_by_name(weights: Path, tagged: dict[str, object]) -> None:
    spec = load_embedder("openclip:tiny-test/some-tag").spec
    assert spec.weights_sha256 == sha256_of(weights)
    assert spec.location == "openclip:tiny-test/some-tag"


@pytest.mark.parametrize("place", ["", ":PATH"])
def test_weights_run_with_the_activation_and_the_pixels_of_their_tag(
    weights: Path, tagged: dict[str, object], place: str
) -> None:
    plain = load_embedder(f"openclip:tiny-test:{weights}", device="cpu")
    half = (0.5, 0.5, 0.5)
    tagged |= {"quick_gelu": True, "mean": half, "std": half, "resize_mode": "squash"}
    place = place.replace("PATH", str(weights))
    embedder = load_embedder(f"openclip:tiny-test/openai{place}", device="cpu")
    assert embedder.spec.preprocessing.endswith("; QuickGELU")
    assert "QuickGELU" not in plain.spec.preprocessing
    assert "mean=(0.5, 0.5, 0.5)" in embedder.spec.preprocessing
    assert embedder.spec != plain.spec
    model, transform = open_clip.create_model_from_pretrained(
        "tiny-test",
        pretrained=str(weights),
        force_quick_gelu=True,
        image_mean=half,
        image_std=half,
        image_resize_mode="squash",
    )
    images = probe_images()
    with torch.inference_mode():
        batch = torch.stack([transform(image) for image in images])
        expected = model.eval().encode_image(batch, normalize=True).numpy()
    assert np.abs(embed_images(embedder, images) - expected).max() < 1e-5
    assert np.abs(embed_images(plain, images) - expected).max() > 1e-3


@pytest.mark.parametrize(("name", "dim"), [("tiny-timm", 16), ("tiny-coca", 24)])
def test_every_kind_of_tower_gives_what_open_clip_gives(name: str, dim: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(open_clip.create_model(name).state_dict(), tmp_path / "w.pt")
    embedder = load_embedder(f"openclip:{name}:{tmp_path / 'w.pt'}", device="cpu")
    model, transform = open_clip.create_model_from_pretrained(name, pretrained=str(tmp_path / "w.pt"))
    images = probe_images()
    with torch.inference_mode():
        batch = torch.stack([transform(image) for image in images])
        expected = model.eval().encode_image(batch, normalize=True).numpy()
    assert embedder.spec.dim == dim
    assert np.abs(embed_images(embedder, images) - expected).max() < 1e-5


def test_another_digest_is_refused(weights: Path) -> None:
    with pytest.raises(
        EmbedderUnavailable, match="is wanted: name the file that has it as openclip:tiny-test:PATH"
    ):
        load_embedder(f"openclip:tiny-test:{weights}", weights_sha256="00" * 32)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("ran",)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("missing", "there is no file at .*: check the path"),
        ("empty", "is empty, expected weights of open_clip's tiny-test: fetch it again"),
        ("page", "is a web page, expected weights of .*: fetch the file itself"),
        ("noise", r"cannot load .* as tiny-test \(.*\): fetch it again, or name the file of tiny-test"),
        ("pickle", r"\(it asks for .*print, which is no tensor\): fetch it again"),
        ("script", r"\(it is a TorchScript program, not tensors\): fetch it again"),
        ("keys", r"\(it lacks 'visual\.proj' \(1 in all\)\): fetch it again"),
        ("more", r"\(it has 'x\.weight' \(1 in all\)\): fetch it again"),
        ("shape", r"\('visual\.proj' has the shape \(2, 3\), expected \(64, 24\)\): fetch it again"),
        ("position", r"as tiny-test \(.+\): fetch it again, or name the file of tiny-test"),
        ("other", r"as tiny-test \(it lacks .*\): fetch it again, or name the file of tiny-test"),
    ],
)
def test_other_files_are_told_in_one_line_with_a_remedy(
    kind: str, why: str, weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "w.pt"
    state = torch.load(weights)
    match kind:
        case "empty":
            path.touch()
        case "page":
            path.write_text("<!doctype html>")
        case "noise":
            path.write_bytes(b"nothing")
        case "pickle":
            torch.save({"state": Evil()}, path)
        case "script":
            with warnings.catch_warnings(action="ignore"):
                torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))
        case "keys":
            del state["visual.proj"]
        case "more":
            state["x.weight"] = torch.zeros(1)
        case "shape":
            state["visual.proj"] = torch.zeros(2, 3)
        case "position":
            state["visual.positional_embedding"] = torch.zeros(3)
        case "other":
            state = {"conv.weight": torch.zeros(1)}
    if kind in ("keys", "more", "shape", "position", "other"):
        torch.save(state, path)
    with pytest.raises(EmbedderUnavailable, match=why) as caught:
        load_embedder(f"openclip:tiny-test:{path}")
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


def test_a_preset_is_refused(weights: Path) -> None:
    with pytest.raises(SettingsError, match="takes no preset"):
        load_embedder(f"openclip:tiny-test:{weights}", preset="sscd-320")
