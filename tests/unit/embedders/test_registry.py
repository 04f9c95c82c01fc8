from __future__ import annotations

import re
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

import pytest_replication
from pytest_replication._plugin.settings.declared import SETTINGS
from pytest_replication.embedders import EmbedderOptions, embedder_names, load_embedder, registry
from pytest_replication.embedders.base import DEVICES
from pytest_replication.embedders.pixels import PixelEmbedder
from pytest_replication.errors import EmbedderError, EmbedderUnavailable, SettingsError, UnknownName


@pytest.fixture
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


def installed(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    found = EntryPoints(EntryPoint(name, value, registry.GROUP) for name, value in points)
    monkeypatch.setattr(registry, "entry_points", lambda group: found.select(group=group))


def test_built_in_embedders_are_registered_like_any_other() -> None:
    assert {"sscd", "openclip", "pixels"} <= set(embedder_names())
    assert isinstance(load_embedder("pixels"), PixelEmbedder)


@pytest.mark.usefixtures("nothing_registered")
def test_a_program_registers_its_own_and_gets_argument_and_options() -> None:
    seen: list[EmbedderOptions] = []

    def factory(options: EmbedderOptions) -> PixelEmbedder:
        seen.append(options)
        return PixelEmbedder()

    registry.register_embedder("mine", factory)
    load_embedder("mine:C:/a:b", preset="p", device="cpu", weights_sha256="d")
    assert seen == [EmbedderOptions("C:/a:b", "p", "cpu", "d", "mine")]


@pytest.mark.usefixtures("nothing_registered")
@pytest.mark.parametrize("name", ["sscd", "twice", "a b", "a:b", ""])
def test_taken_or_malformed_names_are_refused(name: str) -> None:
    registry.register_embedder("twice", lambda _: PixelEmbedder())
    with pytest.raises(EmbedderError, match="exists already|cannot name"):
        registry.register_embedder(name, lambda _: PixelEmbedder())


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"no embedder 'ssdc' \(did you mean sscd\?\); known are "):
        load_embedder("ssdc")
    with pytest.raises(UnknownName, match=r"no embedder 'nope'; known are .*sscd"):
        load_embedder("nope")


def test_two_packages_with_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ("sscd", "a:load"), ("sscd", "b:load"))
    with pytest.raises(EmbedderError, match="two installed packages"):
        load_embedder("sscd")


def test_a_package_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ("broken", "no_such_module:load"))
    with pytest.raises(EmbedderUnavailable, match=r"'broken' \(no_such_module:load\)"):
        load_embedder("broken")


@pytest.mark.parametrize("device", ["gpu", "cuda:x", ""])
def test_a_device_that_is_none_is_refused(device: str) -> None:
    with pytest.raises(SettingsError, match="there is no device"):
        load_embedder("pixels", device=device)


def test_every_device_that_options_tell_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    named = re.split(r", | or ", DEVICES)
    assert named == ["auto", "cpu", "mps", "cuda", "cuda:N"]
    for device in named:
        with pytest.raises(UnknownName):  # the device is looked at first
            load_embedder("no-such-embedder", device=device.replace("N", "1"))
    (setting,) = (each for each in SETTINGS if each.name == "device")
    assert setting.help == DEVICES


def test_documents_and_docstrings_tell_every_device() -> None:
    root = Path(pytest_replication.__file__).parent
    pages = [root.parent / "README.md", *sorted((root.parent / "docs").glob("*.md"))]
    for path in (*sorted(root.rglob("*.py")), *pages):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert "cuda:N" not in line or "mps" in line, f"{path}: {line}"


@pytest.mark.parametrize("name", ["pixels", "sscd"])
def test_a_device_that_would_be_ignored_is_refused(name: str) -> None:
    with pytest.raises(EmbedderUnavailable, match="runs on the CPU only"):
        load_embedder(name, device="cuda")


def test_parameters_reach_the_factory_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[EmbedderOptions] = []
    monkeypatch.setitem(registry._registered, "toy", lambda options: seen.append(options) or PixelEmbedder())
    load_embedder("toy?layer=2&pool=gem:/a:b")
    load_embedder("toy")
    assert [(o.name, o.argument, dict(o.parameters)) for o in seen] == [
        ("toy", "/a:b", {"layer": "2", "pool": "gem"}),
        ("toy", "", {}),
    ]


@pytest.mark.parametrize("query", ["layer", "layer=", "=2", "layer=1&layer=2"])
def test_parameters_that_cannot_be_read_are_refused(query: str) -> None:
    with pytest.raises(SettingsError, match="is no parameter of an embedder"):
        load_embedder(f"pixels?{query}")


def test_an_embedder_without_parameters_refuses_them() -> None:
    with pytest.raises(SettingsError, match="the embedder pixels takes no parameters, not layer"):
        load_embedder("pixels?layer=2")


def test_an_embedder_without_tokens_says_so() -> None:
    with pytest.raises(EmbedderError, match="pixels describes an image by one vector, it has no tokens"):
        load_embedder("pixels").tokens([])
