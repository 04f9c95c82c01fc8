"""The layers that are told in the documents are those that import-linter checks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_document_lists_the_layers_of_the_contract() -> None:
    (contract,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    told = (ROOT / "docs" / "architecture.md").read_text()
    (block,) = re.findall(r"```text\n(plugin →.*?)```", told, re.DOTALL)
    assert [layer.strip() for layer in block.replace("\n", " ").split("→")] == contract["layers"]


def test_each_module_of_the_package_is_in_a_layer_and_told_of() -> None:
    """The contract is exhaustive; a row of the table says what each is for."""
    package = ROOT / "pytest_replication"
    modules = {
        path.stem for path in [*package.glob("*.py"), *(p.parent for p in package.glob("*/__init__.py"))]
    }
    table = (ROOT / "docs" / "architecture.md").read_text().partition("| where | what |")[2]
    assert [name for name in sorted(modules) if not re.search(rf"`{name}(`|\.|/)", table)] == ["__init__"]
