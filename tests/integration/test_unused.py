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

LIGHT = {
    "pytest_replication",
    "pytest_replication._plugin",
    "pytest_replication._plugin.arrived",
    "pytest_replication._plugin.ended",
    "pytest_replication._plugin.hooks",
    "pytest_replication._plugin.running",
    "pytest_replication._plugin.settings",
    "pytest_replication._plugin.settings.declared",
    "pytest_replication._plugin.settings.options",
    "pytest_replication._plugin.settings.resolved",
    "pytest_replication._plugin.settings.values",
    "pytest_replication._plugin.unrun",
    "pytest_replication.context",
    "pytest_replication.plugin",
}
"""What every suite pays for. Who adds a module here measures it: `python benchmarks/plugin_cost.py`."""

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


def loaded(folder: Path, suite: str, *args: str, watcher: str = WATCHER) -> tuple[list[str], list[str]]:
    """Run a suite in a process of its own; which modules are loaded when pytest unconfigures?"""
    (folder / "watcher.py").write_text(watcher)
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
    assert set(ours) == LIGHT


def test_the_watcher_can_see_a_heavy_module(tmp_path: Path) -> None:
    heavy, _ = loaded(tmp_path, "def test_it():\n    import numpy\n")
    assert heavy == ["numpy"]


def test_what_every_suite_loads_makes_no_data_classes_and_is_not_rewritten(tmp_path: Path) -> None:
    """Both take longer than all the rest."""
    code = f"""
import json, sys
import pytest

def pytest_unconfigure(config):
    held = [module for name, module in list(sys.modules.items()) if name in {sorted(LIGHT)!r}]
    classes = [
        each.__qualname__
        for module in held
        for each in vars(module).values()
        if hasattr(each, "__dataclass_fields__")
    ]
    rewritten = [each.__name__ for each in held if "Rewriting" in type(each.__loader__).__name__]
    open("loaded.json", "w").write(json.dumps([classes, rewritten]))
"""
    classes, rewritten = loaded(tmp_path, SUITE, watcher=code)
    assert classes == []
    # The first of each package: pytest reads them before anything of ours runs.
    assert set(rewritten) <= {"pytest_replication", "pytest_replication._plugin", "pytest_replication.plugin"}


def test_the_way_past_the_rewriting_is_closed_behind_the_plugin(tmp_path: Path) -> None:
    code = """
import json, sys

def pytest_unconfigure(config):
    found = [each.__module__ for each in sys.meta_path if isinstance(each, type)]
    open("loaded.json", "w").write(json.dumps([found, []]))
"""
    assert not any(name.startswith("pytest_replication") for name in loaded(tmp_path, SUITE, watcher=code)[0])


def test_help_and_version_load_nothing(tmp_path: Path) -> None:
    assert loaded(tmp_path, SUITE, "--help")[0] == []
