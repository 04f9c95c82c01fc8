"""What is published, as the build backend makes it."""

from __future__ import annotations

import re
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def package_files() -> set[str]:
    found = (path for path in (ROOT / "pytest_replication").rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


def split(names: Iterable[str]) -> tuple[set[str], set[str]]:
    """Files of the package, and the others."""
    every = set(names)
    package = {name for name in every if name.startswith("pytest_replication/")}
    return package, every - package


def test_an_sdist_holds_the_package_and_what_it_says_of_itself(tmp_path: Path) -> None:
    sdist = pytest.importorskip("hatchling.builders.sdist")
    (built,) = sdist.SdistBuilder(str(ROOT)).build(directory=str(tmp_path))
    with tarfile.open(built) as archive:
        package, others = split(name.partition("/")[2] for name in archive.getnames())
    assert package == package_files()
    assert others == {
        "PKG-INFO", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore",
    }  # fmt: skip


def test_a_wheel_holds_the_package_and_its_licence(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        package, others = split(archive.namelist())
    assert package == package_files()
    assert {name.partition("/")[2] for name in others} == {
        "METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE",
    }  # fmt: skip


def test_declared_pythons_are_those_that_ci_runs() -> None:
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]
    declared = re.findall(r"Python :: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    assert job["strategy"]["matrix"]["python"] == declared
    assert PROJECT["requires-python"] == f">={declared[0]}"
    assert f"Python {declared[0]} to {declared[-1]}" in (ROOT / "README.md").read_text("utf-8")
