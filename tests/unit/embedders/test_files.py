from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from pytest_replication.embedders import load_embedder
from pytest_replication.embedders.base import sha256_of
from pytest_replication.embedders.probe import embed_images, probe_images, prove
from pytest_replication.errors import EmbedderError, EmbedderUnavailable, ReplicationError, SettingsError

FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8
WEIGHTS = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
Shape = list[str | int]


def write_onnx(
    path: Path, nodes: list[onnx.NodeProto], shape: Shape, kind: int = FLOAT, outputs: str = "y"
) -> Path:
    """An ONNX network from an input ``x`` to ``y``, with WEIGHTS as ``w``."""
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [numpy_helper.from_array(WEIGHTS, "w"), numpy_helper.from_array(np.array([0, -1, 6]), "flat")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def vectors(axes: tuple[int, int] = (2, 3), source: str = "x") -> list[onnx.NodeProto]:
    """The mean of each channel times WEIGHTS: (n, 6)."""
    return [
        helper.make_node("ReduceMean", [source], ["means"], axes=list(axes), keepdims=0),
        helper.make_node("MatMul", ["means", "w"], ["y"]),
    ]


def tokens() -> list[onnx.NodeProto]:
    """Each pixel of a picture averaged to 2 x 2, times WEIGHTS: (n, 4, 6)."""
    return [
        helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["t", "w"], ["m"]),
        helper.make_node("Reshape", ["m", "flat"], ["y"]),
    ]


OPEN: Shape = ["n", 3, "h", "w"]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return write_onnx(tmp_path / "plain.onnx", vectors(), OPEN)


def expected(images: list[Image.Image], size: int, mean: float = 0, std: float = 1) -> np.ndarray:
    resized = [np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) for image in images]
    rows = (np.stack(resized).mean(axis=(1, 2), dtype=np.float64) / 255 - mean) / std @ WEIGHTS
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def test_a_float_network_gets_what_its_parameters_say(plain: Path) -> None:
    images = probe_images()
    raw = load_embedder(f"onnx?size=8&mean=none&std=none:{plain}")
    assert np.abs(embed_images(raw, images) - expected(images, 8)).max() < 1e-5
    half = load_embedder(f"onnx?size=16&mean=half&std=half:{plain}")
    assert np.abs(embed_images(half, images) - expected(images, 16, 0.5, 0.5)).max() < 1e-4
    prove(half)


def test_its_identity_is_its_sha256_and_its_preprocessing(plain: Path, tmp_path: Path) -> None:
    one = load_embedder(f"onnx?size=8:{plain}")
    moved = Path(plain.rename(tmp_path / "moved.onnx"))
    assert load_embedder(f"onnx?size=8:{moved}").spec.differences(one.spec) == []
    assert one.spec.weights_sha256 == sha256_of(moved)
    assert one.spec.name == f"onnx:{sha256_of(moved)[:12]}"
    assert one.default_threshold is None
    assert one.token_shape is None
    assert not one.hides_tokens
    other = load_embedder(f"onnx?size=8&mean=half&std=half:{moved}")
    assert [text.partition(" ")[0] for text in other.spec.differences(one.spec)] == ["preprocessing"]
    with pytest.raises(EmbedderUnavailable, match="is wanted: name the file"):
        load_embedder(f"onnx?size=8:{moved}", weights_sha256="00" * 32)


def test_a_preset_is_an_option_or_a_parameter(plain: Path) -> None:
    one = load_embedder(f"onnx?preset=dcr-laion:{plain}")
    other = load_embedder(f"onnx:{plain}", preset="dcr-laion")
    both = load_embedder(f"onnx?preset=dcr-laion:{plain}", preset="dcr-laion")
    assert one.spec.differences(other.spec) == one.spec.differences(both.spec) == []
    assert one.spec.preset == other.spec.preset == "dcr-laion"
    for spec in (one.spec, other.spec):
        assert load_embedder(spec.location, preset=spec.preset).spec.differences(spec) == []


@pytest.mark.parametrize(
    ("name", "preset", "message"),
    [
        ("onnx", None, "takes images of any size: say which"),
        ("onnx?size=0", None, "number from 1 to 4096, not '0'"),
        ("onnx?size=²", None, "number from 1 to 4096"),
        ("onnx?size=5000", None, "number from 1 to 4096"),
        ("onnx?size=8&mean=half", None, "give both or none"),
        ("onnx?size=8&mean=half&std=x", None, "one of imagenet, half, none"),
        ("onnx?crop=8", None, "has no parameter crop"),
        ("onnx?preset=dcr-laion", "sscd-320", "beside it sscd-320"),
        ("onnx?size=8", "sscd-320", "beside it size"),
        ("onnx?preset=x", None, "there is no preset 'x'"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(
    plain: Path, name: str, preset: str | None, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        load_embedder(f"{name}:{plain}", preset=preset)


def test_a_path_is_needed_and_the_cpu(plain: Path) -> None:
    with pytest.raises(SettingsError, match="write onnx:PATH"):
        load_embedder("onnx")
    with pytest.raises(EmbedderUnavailable, match="runs on the CPU only"):
        load_embedder(f"onnx?size=8:{plain}", device="cuda")


def test_a_fixed_input_is_its_own_size(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "fixed.onnx", vectors(), [1, 3, 8, 8])
    embedder = load_embedder(f"onnx:{path}")
    assert embedder.prepare(Image.new("RGB", (30, 20))).shape == (3, 8, 8)
    assert load_embedder(f"onnx?size=8:{path}").spec.differences(embedder.spec) == []
    prove(embedder)
    with pytest.raises(SettingsError, match="takes images of 8 x 8 pixels, not 9"):
        load_embedder(f"onnx?size=9:{path}")
    with pytest.raises(SettingsError, match="takes images of 8 x 8 pixels, not any"):
        load_embedder(f"onnx:{path}", preset="sscd-288")


def pixel_network(path: Path, shape: Shape) -> Path:
    cast = helper.make_node("Cast", ["x"], ["f"], to=FLOAT)
    return write_onnx(path, [cast, *vectors((1, 2), "f")], shape, UINT8)


def test_a_network_of_pixels_normalises_by_itself(tmp_path: Path) -> None:
    path = pixel_network(tmp_path / "pixels.onnx", ["n", "h", "w", 3])
    images = probe_images()
    embedder = load_embedder(f"onnx?size=8:{path}")
    assert np.abs(embed_images(embedder, images) - expected(images, 8)).max() < 1e-5
    assert embedder.spec.preprocessing == "square: bilinear to 8 x 8, uint8: the network normalises"
    assert load_embedder(f"onnx:{path}", preset="sscd-288").prepare(images[1]).shape == (288, 432, 3)
    with pytest.raises(SettingsError, match="leave mean and std away"):
        load_embedder(f"onnx?size=8&mean=half&std=half:{path}")
    with pytest.raises(SettingsError, match="preset dcr-metrics cannot be served"):
        load_embedder(f"onnx:{path}", preset="dcr-metrics")


def test_the_packaged_weights_of_sscd_are_the_same_network_by_any_name() -> None:
    from pytest_replication.embedders import sscd

    (path,) = sscd.candidates()
    images = probe_images()[:2]
    generic = load_embedder(f"onnx:{path}", preset="sscd-320")
    assert np.array_equal(embed_images(generic, images), embed_images(load_embedder("sscd"), images))
    assert generic.drift == load_embedder("sscd").drift
    assert generic.default_threshold is None


def test_tokens_are_averaged_and_can_be_asked_for(tmp_path: Path) -> None:
    flat = load_embedder(f"onnx?mean=none&std=none:{write_onnx(tmp_path / 't', tokens(), ['n', 3, 8, 8])}")
    cells = [
        helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["t", "w"], ["m"]),
        helper.make_node("Transpose", ["m"], ["y"], perm=[0, 3, 1, 2]),
    ]
    mapped = load_embedder(f"onnx?mean=none&std=none:{write_onnx(tmp_path / 'm', cells, ['n', 3, 8, 8])}")
    images = probe_images()
    batch = [flat.prepare(image) for image in images]
    found = flat.tokens(batch)
    assert flat.token_shape == mapped.token_shape == (4, 6)
    assert found.shape == (4, 4, 6)
    assert np.abs(mapped.tokens(batch) - found).max() < 1e-6
    # The first token is the upper left corner, the second the upper right one.
    corner = batch[0][:, :4, 4:].mean(axis=(1, 2)) @ WEIGHTS
    assert np.abs(found[0, 1] - corner).max() < 1e-5
    for embedder in (flat, mapped):
        assert np.abs(embed_images(embedder, images) - expected(images, 8)).max() < 1e-5
        prove(embedder)


def test_images_of_several_shapes_have_a_vector_and_no_tokens(tmp_path: Path) -> None:
    pool = helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[32, 32], strides=[32, 32])
    embedder = load_embedder(f"onnx:{write_onnx(tmp_path / 'x', [pool], OPEN)}", preset="sscd-288")
    images = probe_images()
    assert embed_images(embedder, images).shape == (4, 3)
    with pytest.raises(EmbedderError, match="it has no tokens"):
        embedder.tokens([embedder.prepare(image) for image in images])


def test_a_vector_network_has_no_tokens(plain: Path) -> None:
    with pytest.raises(EmbedderError, match="it has no tokens"):
        load_embedder(f"onnx?size=8:{plain}").tokens([])


def identity(path: Path, shape: Shape, kind: int = FLOAT) -> Path:
    return write_onnx(path, [helper.make_node("Cast", ["x"], ["y"], to=FLOAT)], shape, kind)


def no_batch(path: Path) -> Path:
    return write_onnx(
        path, [helper.make_node("ReduceMean", ["x"], ["y"], axes=[0, 1, 2, 3], keepdims=0)], OPEN
    )


def two_outputs(path: Path) -> Path:
    again = helper.make_node("Identity", ["y"], ["z"])
    return write_onnx(path, [*vectors(), again], OPEN, outputs="yz")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: identity(p, ["n", 3]), r"inputs are x: tensor\(float\) \['n', 3\]"),
        (two_outputs, "its outputs y, z; export it with one of each"),
        (lambda p: identity(p, ["n", 1, "h", "w"]), "expected square images of 3 channels"),
        (lambda p: write_onnx(p, vectors((1, 2)), ["n", 8, 8, 3]), "expected square images of 3 channels"),
        (lambda p: write_onnx(p, vectors(), ["n", 3, 8, 16]), "expected square images of 3 channels"),
        (lambda p: identity(p, ["n", 3, 8, 8], UINT8), "expected square images of 3 channels"),
        (lambda p: write_onnx(p, vectors(), [4, 3, 8, 8]), "takes batches of 4 images only"),
        (no_batch, "cannot embed 2 images of 8 x 8 pixels"),
    ],
)
def test_networks_of_another_form_are_refused(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(EmbedderError, match=message):
        load_embedder(f"onnx?size=8:{make(tmp_path / 'x.onnx')}")


def test_a_size_that_the_network_cannot_take_is_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx", [helper.make_node("Reshape", ["x", "flat"], ["y"])], OPEN)
    with pytest.raises(EmbedderError, match=r"cannot embed 2 images of 3 x 3 pixels .*size it was made for"):
        load_embedder(f"onnx?size=3:{path}")


def test_an_onnx_file_with_its_weights_elsewhere_is_refused(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "split.onnx"
    onnx.save(onnx.load(plain), path, save_as_external_data=True, location="split.data", size_threshold=0)
    assert (tmp_path / "split.data").is_file()
    with pytest.raises(EmbedderUnavailable, match="keeps its weights in another file"):
        load_embedder(f"onnx?size=8:{path}")
    onnx.save(onnx.load(path), tmp_path / "one.onnx")
    load_embedder(f"onnx?size=8:{tmp_path / 'one.onnx'}")


BAD = {
    "empty": (b"", "is empty"),
    "page": (b"\n<!DOCTYPE html><html>Sign in</html>", "is a web page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "is a Git LFS pointer"),
    "noise": (b"no network at all", "cannot be loaded as"),
    "pickle": (pickle.dumps({"w": [1.0]}), "cannot be loaded as"),
}


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
@pytest.mark.parametrize("bad", BAD)
def test_files_that_are_no_network_are_named(tmp_path: Path, kind: str, bad: str) -> None:
    if kind == "torchscript":
        pytest.importorskip("torch")
    content, message = BAD[bad]
    path = tmp_path / "file.bin"
    path.write_bytes(content)
    with pytest.raises(EmbedderUnavailable, match=f"file.bin {message}") as caught:
        load_embedder(f"{kind}?size=8:{path}")
    assert ": " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_a_path_without_a_file_is_named(tmp_path: Path, kind: str) -> None:
    if kind == "torchscript":
        pytest.importorskip("torch")
    with pytest.raises(EmbedderUnavailable, match="there is no file at /nowhere/x"):
        load_embedder(f"{kind}?size=8:/nowhere/x")
    with pytest.raises(EmbedderUnavailable, match="there is a folder at"):
        load_embedder(f"{kind}?size=8:{tmp_path}")


def script(path: Path, kind: str = "vectors") -> Path:
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.from_numpy(WEIGHTS))

        def forward(self, x: object) -> object:
            if kind == "map":
                return torch.nn.functional.avg_pool2d(x, 4)
            rows = x.mean(dim=(2, 3)) @ self.w  # type: ignore[attr-defined]
            return {"vectors": rows, "one": rows[:1], "pair": (rows, rows), "bool": rows > 0}[kind]

    with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated, and published
        torch.jit.trace(Net().eval(), torch.zeros(2, 3, 8, 8), strict=False).save(str(path))
    return path


def test_torchscript_gives_what_onnx_gives(tmp_path: Path, plain: Path) -> None:
    path, images = script(tmp_path / "x.pt"), probe_images()
    embedder = load_embedder(f"torchscript?size=8&mean=half&std=half:{path}", device="cpu")
    other = load_embedder(f"onnx?size=8&mean=half&std=half:{plain}")
    assert np.abs(embed_images(embedder, images) - embed_images(other, images)).max() < 1e-5
    assert embedder.spec.name == f"torchscript:{sha256_of(path)[:12]}"
    assert embedder.spec.preprocessing == other.spec.preprocessing
    prove(embedder)
    with pytest.raises(SettingsError, match=r"torchscript\?size=224:PATH"):
        load_embedder(f"torchscript:{path}", device="cpu")


def test_a_torchscript_map_is_averaged(tmp_path: Path) -> None:
    embedder = load_embedder(f"torchscript?size=8:{script(tmp_path / 'x.pt', 'map')}", device="cpu")
    assert embedder.token_shape == (4, 3)
    assert embedder.tokens([embedder.prepare(image) for image in probe_images()]).shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("kind", "message"), [("one", r"shape \(1, 6\) for 2 images"), ("pair", "cannot embed 2 images")]
)
def test_torchscript_that_gives_something_else_is_refused(tmp_path: Path, kind: str, message: str) -> None:
    with pytest.raises(EmbedderError, match=message):
        load_embedder(f"torchscript?size=8:{script(tmp_path / 'x.pt', kind)}", device="cpu")


def test_a_state_dict_is_no_torchscript(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.zeros(1)}, tmp_path / "x.pt")
    with pytest.raises(EmbedderUnavailable, match=r"as TorchScript .*torch\.jit\.trace"):
        load_embedder(f"torchscript?size=8:{tmp_path / 'x.pt'}", device="cpu")


def test_an_index_of_a_file_is_opened_again_and_refuses_another_file(
    tmp_path: Path, plain: Path, pictures: Path
) -> None:
    from pytest_replication import BuildOptions, build_index, check_replication, open_index

    build_index(pictures, tmp_path / "index", BuildOptions(embedder=f"onnx:{plain}", preset="dcr-laion"))
    verdict = check_replication(pictures, 0.9, index=open_index(tmp_path / "index"))
    assert len(verdict.replicated) == 12
    write_onnx(plain, vectors(), ["n", 3, "H", "W"])
    with pytest.raises(ReplicationError, match="is wanted"):
        check_replication(pictures, 0.9, index=open_index(tmp_path / "index"))
