from __future__ import annotations

import json
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


@pytest.fixture(scope="module", autouse=True)
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("configs")
    (folder / "tiny-test.json").write_text(json.dumps(TINY))
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
        ("tiny-test:/nowhere.pt", "no open_clip weights at /nowhere.pt"),
    ],
)
def test_what_is_missing_is_named(argument: str, message: str) -> None:
    with pytest.raises((EmbedderUnavailable, UnknownName), match=message):
        load_embedder(f"openclip:{argument}")


@pytest.mark.parametrize("argument", ["", "ViT-B-32", "/openai"])
def test_an_incomplete_name_is_refused(argument: str) -> None:
    with pytest.raises(SettingsError, match="MODEL/PRETRAINED"):
        load_embedder(f"openclip:{argument}")


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(config: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(open_clip, "download_pretrained", offline)
    with pytest.raises(EmbedderUnavailable, match="openclip:ViT-B-32:PATH"):
        load_embedder("openclip:ViT-B-32/openai")


def test_weights_that_open_clip_knows_are_loaded_by_name(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda name, tag: {"url": "x"})
    monkeypatch.setattr(open_clip, "download_pretrained", lambda config: str(weights))
    real = open_clip.create_model_from_pretrained
    monkeypatch.setattr(
        open_clip,
        "create_model_from_pretrained",
        lambda name, pretrained, **kw: real(name, str(weights), **kw),
    )
    spec = load_embedder("openclip:tiny-test/some-tag").spec
    assert spec.weights_sha256 == sha256_of(weights)
    assert spec.location == "openclip:tiny-test/some-tag"


def test_another_digest_is_refused(weights: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="is wanted"):
        load_embedder(f"openclip:tiny-test:{weights}", weights_sha256="00" * 32)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"nothing")
    with pytest.raises(EmbedderUnavailable, match="cannot load"):
        load_embedder(f"openclip:tiny-test:{tmp_path / 'x.pt'}")


def test_a_preset_is_refused(weights: Path) -> None:
    with pytest.raises(SettingsError, match="takes no preset"):
        load_embedder(f"openclip:tiny-test:{weights}", preset="sscd-320")
