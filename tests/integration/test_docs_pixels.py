"""What docs/pixels.md says is done, in its order."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_replication import cli

from .test_docs import ROOT, blocks, shown

TEXT = (ROOT / "docs" / "pixels.md").read_text(encoding="utf-8")


def test_the_page(tmp_path: Path, training: Path, unrelated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(training, "photos")
    shutil.copytree(unrelated, "samples")
    for arguments in shown("pytest-replication", TEXT):
        fast = ["--embedder", "pixels"] if arguments[0] == "build" else []
        assert cli.main([*arguments, *fast]) == 0, arguments
    for example in blocks("python", TEXT):
        exec(compile(example, "docs/pixels.md", "exec"), {})
