"""An index that came from elsewhere runs nothing here: its manifest is data."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pytest_replication import AppendOptions, append_index, merge_indexes, open_index
from pytest_replication.cli import main
from pytest_replication.embedders import load_embedder, registry
from pytest_replication.embedders.base import EmbedderOptions, sha256_of
from pytest_replication.embedders.pixels import PixelEmbedder
from pytest_replication.errors import EmbedderUnavailable, IndexMismatch
from pytest_replication.index.manifest_file import read_manifest, write_manifest

EVIL = """
from pathlib import Path

Path(__file__).with_suffix(".ran").touch()

def f(images):
    return [[1.0, 0.0]] * len(images)
"""
Located = Callable[..., Path]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that can be imported and leaves a trace, as it lies beside a downloaded index."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    (tmp_path / "evil.py").write_text(EVIL)
    return tmp_path / "evil.py"


@pytest.fixture
def located(damaged: Path) -> Located:
    """Let an index name another place of its embedder; the manifest is sealed again."""

    def name(location: str, weights: str | None = None) -> Path:
        manifest = read_manifest(damaged)
        embedder = replace(manifest.embedder, location=location, weights_sha256=weights)
        write_manifest(damaged, replace(manifest, embedder=embedder))
        return damaged

    return name


def test_a_function_that_only_the_index_names_is_not_imported(module: Path, located: Located) -> None:
    index = located("callable:evil:f", sha256_of(module))
    with pytest.raises(
        EmbedderUnavailable,
        match=r"runs the code of a module, and only the index names it: where you trust it, name it yourself "
        r"with --replication-embedder callable:evil:f to pytest, --embedder callable:evil:f to",
    ):
        _ = open_index(index).embedder
    assert not module.with_suffix(".ran").exists()


def test_one_that_the_user_names_is(module: Path, located: Located) -> None:
    index = located("callable:evil:f", sha256_of(module))
    with pytest.raises(IndexMismatch, match="'callable:evil:f' against 'pixels'"):
        _ = open_index(index, embedder="callable:evil:f").embedder
    assert module.with_suffix(".ran").exists()


def test_neither_a_check_nor_an_append_runs_it(
    module: Path, located: Located, training: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = located("callable:evil:f", sha256_of(module))
    assert main(["check", str(index), str(training)]) == 3
    assert "--embedder callable:evil:f to pytest-replication" in capsys.readouterr().err
    with pytest.raises(EmbedderUnavailable, match="only the index names it"):
        append_index(index, training, AppendOptions(progress=False))
    assert not module.with_suffix(".ran").exists()


@pytest.mark.parametrize("spelling", ["torchscript:{}", "torchscript?size=32:{}", "sscd:{}"])
def test_torchscript_is_not_loaded(
    spelling: str, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("it was loaded"))
    file = tmp_path / "net.torchscript.pt"
    file.write_bytes(b"a program")
    index = located(spelling.format(file), sha256_of(file))
    with pytest.raises(EmbedderUnavailable, match="a TorchScript file is a program, and only the index"):
        _ = open_index(index).embedder


def test_networks_as_data_are_loaded_as_before(located: Located, tmp_path: Path) -> None:
    """They are refused for what they are, not for who names them."""
    file = tmp_path / "net.onnx"
    file.write_bytes(b"no network")
    for location in (f"onnx:{file}", f"sscd:{file}"):
        with pytest.raises(EmbedderUnavailable) as caught:
            _ = open_index(located(location, sha256_of(file))).embedder
        assert "only the index names it" not in str(caught.value)


def test_nothing_is_fetched_for_an_index(located: Located, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    pytest.importorskip("timm")

    def download(**given: object) -> str:
        if not given["local_files_only"]:
            pytest.fail("it was fetched")
        raise OSError("it is not in the cache")

    monkeypatch.setattr(hub, "hf_hub_download", download)
    commit = "0123456789abcdef0123456789abcdef01234567"
    with pytest.raises(EmbedderUnavailable, match="would be fetched, and only the index names it"):
        _ = open_index(located(f"dino-vitb16:hub@{commit}", "0" * 64)).embedder


def test_what_other_packages_make_of_an_argument_is_not_known(
    located: Located, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[EmbedderOptions] = []
    point = EntryPoint("theirs", "theirs.code:load", registry.GROUP)
    monkeypatch.setattr(registry, "_installed", lambda: {"theirs": point})
    with pytest.raises(EmbedderUnavailable, match="another package makes something of its argument"):
        _ = open_index(located("theirs:code.py")).embedder

    def factory(options: EmbedderOptions) -> PixelEmbedder:
        asked.append(options)
        return PixelEmbedder()

    monkeypatch.setitem(registry._registered, "mine", factory)
    with pytest.raises(EmbedderUnavailable, match="another package"):
        _ = open_index(located("mine?at=1")).embedder
    assert not asked
    _ = open_index(located("mine")).embedder  # nothing but a name: it is what this program registered
    assert [options.argument for options in asked] == [""]
    load_embedder("mine:x")
    assert asked[1].argument == "x"


def test_a_merge_takes_the_name_of_the_user(
    module: Path, located: Located, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedder of parts is loaded where their probes differ."""
    from pytest_replication.index import merge

    first = located("callable:evil:f", sha256_of(module))
    second = shutil.copytree(first, tmp_path / "second")
    monkeypatch.setattr(merge, "drift_between", lambda *_: 1.0)
    with pytest.raises(EmbedderUnavailable, match="only the index names it"):
        merge_indexes([first, second], tmp_path / "merged")
    assert not module.with_suffix(".ran").exists()
    with pytest.raises(IndexMismatch):
        merge_indexes([first, second], tmp_path / "merged", embedder="callable:evil:f")
