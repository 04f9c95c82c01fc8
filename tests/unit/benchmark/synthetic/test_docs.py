from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_replication.benchmark.synthetic.kinds import KINDS
from pytest_replication.benchmark.synthetic.masks import _KINDS as MASKS

PAGE = (Path(__file__).parents[4] / "docs" / "benchmark-sets.md").read_text(encoding="utf-8")


def test_the_page_names_all_kinds_parameters_and_masks() -> None:
    rows = {line.split("`")[1]: line for line in PAGE.splitlines() if line.startswith("| `")}
    for name, kind in KINDS.items():
        for key, parameter in kind.parameters.items():
            assert re.search(rf"`{key}`,? {f'{parameter.default:g}'.lstrip('0') or '0'}", rows[name])
    assert rows.keys() >= KINDS.keys()
    assert [kind for kind in MASKS if f"`{kind}:" not in PAGE] == []


def test_the_example_of_the_page_runs(
    tmp_path: Path,
    training: Path,
    unrelated: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "photos").symlink_to(training)
    (tmp_path / "new-photos").symlink_to(unrelated)
    monkeypatch.chdir(tmp_path)
    example, script = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    few = example.replace("count=200, negatives=50", "count=4, negatives=5")
    assert few != example
    exec(compile(few, "benchmark-sets.md", "exec"), {})
    assert capsys.readouterr().out.startswith("9 20 frozenset({'")
    exec(compile(script, "benchmark-sets.md", "exec"), {})
    assert re.fullmatch(r"the first result is right for [0-4] of 4 copies\n", capsys.readouterr().out)
