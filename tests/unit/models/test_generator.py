from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.errors import ModelError, SampleError
from pytest_replication.models import load_model

torch = pytest.importorskip("torch")


class Net(torch.nn.Module):  # type: ignore[name-defined,misc]
    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return torch.tanh(noise.reshape(-1, 1, 4, 4)).expand(-1, 3, -1, -1)


class Labelled(torch.nn.Module):  # type: ignore[name-defined,misc]
    def forward(self, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        image = torch.tanh(noise.reshape(-1, 1, 4, 4)) * 0
        return image + labels.reshape(-1, 1, 1, 1) / 10


class Broken(torch.nn.Module):  # type: ignore[name-defined,misc]
    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return noise.reshape(-1, 1, 4, 4) * float("nan")


class TooFew(torch.nn.Module):  # type: ignore[name-defined,misc]
    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return torch.tanh(noise.reshape(-1, 1, 4, 4)[1:])


class Noisy(torch.nn.Module):  # type: ignore[name-defined,misc]
    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return torch.tanh(noise + torch.randn_like(noise)).reshape(-1, 1, 4, 4)


class Mixed(torch.nn.Module):  # type: ignore[name-defined,misc]
    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return torch.tanh(noise - noise.mean(dim=0)).reshape(-1, 1, 4, 4)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generators")
    for kind in (Net, Labelled, Broken, TooFew, Noisy, Mixed):
        torch.jit.script(kind()).save(str(folder / f"{kind.__name__}.pt"))  # type: ignore[no-untyped-call]
    write_onnx(folder / "net.onnx")
    return folder


def write_onnx(path: Path) -> None:
    """tanh of noise (n, 1, 4, 4)."""
    from onnx import TensorProto, helper, save

    x = helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["n", 1, 4, 4])
    y = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 4, 4])
    graph = helper.make_graph([helper.make_node("Tanh", ["noise"], ["image"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save(model, path)


# torch would have its own format given up; files of it are what users have.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def test_both_kinds_give_the_same_images(files: Path) -> None:
    script = load_model(f"torchscript:{files / 'Net.pt'}", ["noise=16", "range=-1,1"])
    onnx = load_model(f"onnx:{files / 'net.onnx'}", ["range=-1,1", "batch=2"])
    ours, theirs = ([np.asarray(i).astype(int) for i in m.sample(5, seed=3)] for m in (script, onnx))
    assert np.abs(np.stack(ours) - np.stack(theirs)).max() <= 1
    assert np.array_equal(np.asarray(onnx.sample(1, seed=5).image(0)), theirs[2])
    assert script.fingerprint != onnx.fingerprint
    assert script.sample(1).model == script.identity


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("name", "how"), [("Noisy", "again"), ("Mixed", "again|beside another one")])
def test_a_generator_whose_image_is_not_of_its_noise_alone_is_refused(
    files: Path, name: str, how: str, count: int
) -> None:
    model = load_model(f"torchscript:{files / name}.pt", ["noise=16", "range=-1,1"])
    with pytest.raises(ModelError, match=f"another image of the same noise when it is run ({how})"):
        model.sample(count)


def test_a_generator_that_mixes_its_batch_may_be_run_one_by_one(files: Path) -> None:
    model = load_model(f"torchscript:{files / 'Mixed'}.pt", ["noise=16", "range=-1,1", "batch=1"])
    assert len(model.sample(3)) == 3


def test_classes_go_in_beside_the_noise(files: Path) -> None:
    model = load_model(f"torchscript:{files / 'Labelled.pt'}", ["noise=16", "range=0,1"])
    samples = model.sample(2, labels=[1, "5"])
    assert [np.asarray(image)[0, 0, 0] for image in samples] == [26, 128]
    assert samples.labels == (1, "5")
    with pytest.raises(ModelError, match="makes images from labels, and none are given"):
        model.sample(2)
    with pytest.raises(ModelError, match="knows its classes by number, not as 'dog'"):
        model.sample(1, labels=["dog"])


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("torchscript:Net.pt", ["range=-1,1"], ModelError, "say which noise .* noise=128"),
        ("torchscript:Net.pt", ["noise=16"], ModelError, "say which values black and white have"),
        ("torchscript:Net.pt", ["noise=16", "range=0,1"], SampleError, "outside its range 0 to 1"),
        ("torchscript:Net.pt", ["noise=17", "range=-1,1"], ModelError, "failed for noise of shape .1, 17."),
        ("torchscript:Net.pt", ["steps=3"], ModelError, "a generator in a file, which takes no steps"),
        ("torchscript:Broken.pt", ["noise=16", "range=0,1"], SampleError, "not finite for seed 7"),
        ("torchscript:TooFew.pt", ["noise=16", "range=-1,1"], SampleError, "gave 0 images where 1 were"),
        ("torchscript:net.onnx", [], ModelError, "cannot be loaded as TorchScript"),
        ("torchscript:none.pt", [], ModelError, "there is no file"),
        ("onnx:Net.pt", [], ModelError, "no whole ONNX file"),
        ("onnx:net.onnx", ["device=cuda"], ModelError, "which runs on the CPU"),
    ],
)
def test_what_cannot_be_sampled_is_refused(
    files: Path, name: str, options: list[str], error: Any, message: str
) -> None:
    kind, _, file = name.partition(":")
    with pytest.raises(error, match=message):
        load_model(f"{kind}:{files / file}", options).sample(1, seed=7)
