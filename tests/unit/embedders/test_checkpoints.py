"""What is wrong with a file of weights is said in one sentence; nothing in it is ever run."""

from __future__ import annotations

import pickle
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_replication.embedders import EmbedderOptions, vision
from pytest_replication.embedders.backbones import open_backbone
from pytest_replication.embedders.catalogue import ENTRIES
from pytest_replication.embedders.checkpoints import read, renamed, select
from pytest_replication.errors import EmbedderUnavailable

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

VIT = replace(ENTRIES["deit-b16"], architecture="test_vit")


class Program:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    weights: dict[str, Any] = timm.create_model("test_vit", num_classes=3).state_dict()
    return weights


def refused(content: object, folder: Path, message: str) -> None:
    path = folder / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(EmbedderUnavailable, match=message) as caught:
        open_backbone(VIT, path, 1)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, expected a file of weights: fetch it again"),
        (b"\n<!DOCTYPE html><html>", "is a web page, expected a file of weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "is a Git LFS pointer"),
        (b"not weights at all", "cannot be read as weights"),
        (b'\x40\0\0\0\0\0\0\0{"a": 1', "cannot be read as safetensors .* damaged or cut short"),
    ],
)
def test_files_that_are_no_weights(content: bytes, message: str, tmp_path: Path) -> None:
    refused(content, tmp_path, message)


def test_a_truncated_file(state: dict[str, Any], tmp_path: Path) -> None:
    torch.save({"model": state}, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    refused(whole[: len(whole) // 2], tmp_path, "cannot be read as weights .*cut short")


def test_a_truncated_safetensors_file(state: dict[str, Any], tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    whole = safetensors.save(state)
    refused(whole[: len(whole) // 2], tmp_path, "cannot be read as safetensors")


def test_a_pickle_with_a_program_in_it_is_refused_and_not_run(state: dict[str, Any], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    refused(
        {"model": state, "extra": Program(trace)},
        tmp_path,
        r"\(it asks for \S+, which is no tensor\): .* or objects besides tensors, which are never run",
    )
    refused(pickle.dumps(Program(trace)), tmp_path, r"\(it is no file that torch saved\).* never run")
    assert not trace.exists()


def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        torch.jit.save(torch.jit.script(Net()), tmp_path / "script.pt")
    refused((tmp_path / "script.pt").read_bytes(), tmp_path, "holds a program or objects")


def test_names_that_are_missing_or_too_many(state: dict[str, Any], tmp_path: Path) -> None:
    less = {k: v for k, v in state.items() if k not in ("cls_token", "norm.bias")}
    refused(
        {"model": less},
        tmp_path,
        r"no checkpoint of deit-b16 \(test_vit\): it lacks 'cls_token' \(2 in all\); exp",
    )
    refused(
        {"model": {**state, "x.y": state["cls_token"]}},
        tmp_path,
        r"it has 'x.y' \(1 in all\); expected is the file",
    )
    refused({"model": {**less, "x.y": state["cls_token"]}}, tmp_path, r"lacks 'cls_token' .* and has 'x.y'")


def test_another_shape(state: dict[str, Any], tmp_path: Path) -> None:
    other = {**state, "norm.bias": torch.zeros(7)}
    refused({"model": other}, tmp_path, r"'norm.bias' has the shape \(7,\), expected \(64,\)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds list, expected tensors by name"),
        ({}, "holds no tensors, where the weights of deit-b16 were expected under 'model': it holds nothing"),
        ({"epoch": 3, "weights": {}}, "holds 'epoch', which is no tensor, .* it holds 'epoch', 'weights'"),
        ({"model": {}}, "holds no tensors"),
    ],
)
def test_files_that_hold_something_else(content: object, message: str, tmp_path: Path) -> None:
    refused(content, tmp_path, message)


def test_a_generic_file_with_two_sets_of_weights(state: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="holds two sets of weights"):
        select({"model": state, "state_dict": state}, vision.generic("test_vit"), tmp_path)


@pytest.mark.parametrize("wrap", [dict, lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}])
def test_a_generic_file_in_the_usual_wrappings(wrap: Any, state: dict[str, Any], tmp_path: Path) -> None:
    found = select(wrap(state), vision.generic("test_vit"), tmp_path)
    assert list(found) == list(state)


def test_a_safetensors_file_and_a_torch_file_are_the_same(state: dict[str, Any], tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(state, tmp_path / "w.safetensors")
    torch.save(state, tmp_path / "w.pth")
    one, other = read(tmp_path / "w.safetensors"), read(tmp_path / "w.pth")
    assert set(one) == set(other)
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_names_that_timm_has_no_rule_for(tmp_path: Path) -> None:
    model = timm.create_model("test_convnext")
    with pytest.raises(EmbedderUnavailable, match="timm has no rule for the names in .*'x.weight'"):
        renamed({"x.weight": torch.zeros(2, 2)}, model, "timm", tmp_path)


def test_an_architecture_without_a_rule_keeps_its_names(tmp_path: Path) -> None:
    state = {"x.weight": torch.zeros(2, 2)}
    assert renamed(state, timm.create_model("test_resnet"), "timm", tmp_path) is state


def test_efficientnet_names_beyond_the_network_are_left_for_the_complaint(tmp_path: Path) -> None:
    model = timm.create_model("test_efficientnet")
    names = ["_blocks.99._bn0.bias", "_blocks.0._other.weight", "_swish.x"]
    found = renamed({name: torch.zeros(1) for name in names}, model, "efficientnet", tmp_path)
    assert list(found) == names


@pytest.mark.parametrize("lost", ["pca_m", "pca_P"])
def test_a_whitening_that_is_not_whole(lost: str, tmp_path: Path) -> None:
    entry = replace(ENTRIES["multigrain-resnet50"], architecture="test_resnet")
    state = {f"features.{k}": v for k, v in timm.create_model("test_resnet").state_dict().items()}
    both = {"whitening.pca.pca_m": torch.zeros(4), "whitening.pca.pca_P": torch.zeros(4, 4)}
    del both[f"whitening.pca.{lost}"]
    torch.save({"model_state": state | both}, tmp_path / "w.pth")
    with pytest.raises(EmbedderUnavailable, match="the whitening in the checkpoint .* is not whole"):
        open_backbone(entry, tmp_path / "w.pth", 1)


@pytest.mark.parametrize("package", ["timm", "torch"])
def test_packages_that_are_missing(package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EmbedderUnavailable, match=rf"needs .*{package}.*: install the extra \[timm\]"):
        vision.load(EmbedderOptions(f"test_vit:{tmp_path / 'w.pth'}", name="timm"))


def test_safetensors_and_transformers_that_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "w").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(EmbedderUnavailable, match=r"needs safetensors .*install the extra \[timm\]"):
        read(tmp_path / "w")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EmbedderUnavailable, match=r"blip needs transformers .*install the extra \[timm\]"):
        open_backbone(ENTRIES["blip"], tmp_path / "w", 1)


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[]",
        '{"hidden_size": 7, "num_attention_heads": 12}',
        '{"hidden_size": "a"}',
        '{"hidden_act": "nope"}',
        '{"patch_size": 0}',
        '{"image_size": null}',
    ],
)
def test_a_configuration_of_blip_that_cannot_be_read(config: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(
        EmbedderUnavailable, match=r"config.json is no configuration of BLIP .*fetch"
    ) as caught:
        open_backbone(ENTRIES["blip"], tmp_path / "model.safetensors", 1)
    assert "\n" not in str(caught.value)
