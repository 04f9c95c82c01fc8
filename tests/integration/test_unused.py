"""A project that has the plugin installed and does not use it pays next to nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_replication

HEAVY = [
    "numpy",
    "PIL",
    "torch",
    "open_clip",
    "diffusers",
    "faiss",
    "annoy",
    "onnxruntime",
    "cv2",
    "pyarrow",
    "scipy",
]

WATCHER = f"""
import json, sys

def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        loaded = [name for name in {HEAVY!r} if name in sys.modules]
        ours = [name for name in sys.modules if name.startswith("pytest_replication")]
        open("loaded.json", "w").write(json.dumps([loaded, ours]))
"""

SUITE = """
import pytest

def test_passes(): pass
def test_fails(): assert [1] == [2]
@pytest.mark.skip
def test_skipped(): pass
"""


def loaded(folder: Path, suite: str, *args: str) -> tuple[list[str], list[str]]:
    """Run a suite in a process of its own; which modules are loaded when pytest unconfigures?"""
    (folder / "watcher.py").write_text(WATCHER)
    (folder / "test_suite.py").write_text(suite)
    command = [sys.executable, "-m", "pytest", "-p", "watcher", "-p", "pytest_replication.plugin", *args]
    places = os.pathsep.join((str(folder), str(Path(pytest_replication.__file__).parents[1])))
    env = {"PYTHONPATH": places, "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    heavy, ours = json.loads((folder / "loaded.json").read_text())
    return heavy, ours


@pytest.mark.parametrize(
    "args", [(), ("-v", "--junit-xml=x.xml"), ("--collect-only",), ("-p", "xdist", "-n0")], ids=str
)
def test_nothing_heavy_is_loaded(tmp_path: Path, args: tuple[str, ...]) -> None:
    heavy, ours = loaded(tmp_path, SUITE, *args)
    assert heavy == []
    assert "pytest_replication.plugin" in ours
    assert len(ours) <= 22


def test_the_watcher_can_see_a_heavy_module(tmp_path: Path) -> None:
    heavy, _ = loaded(tmp_path, "def test_it():\n    import numpy\n")
    assert heavy == ["numpy"]


def test_help_and_version_load_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, SUITE, "--help")[0] == []
