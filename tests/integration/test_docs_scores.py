"""What the page on scores says is run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pytest_replication import cli, open_index

PAGE = (Path(__file__).parents[2] / "docs" / "scores.md").read_text(encoding="utf-8")


def test_the_examples_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 3
    exec(compile("\n".join(examples), "docs/scores.md", "exec"), {})
    assert (tmp_path / "whitening.npz").exists()


def test_the_commands(
    cells: str,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").symlink_to(pictures)
    (tmp_path / "photo.jpg").write_bytes((pictures / "03.png").read_bytes())
    commands = [shlex.split(line) for line in re.findall(r"^\$ pytest-replication (.*)$", PAGE, re.MULTILINE)]
    assert [words[0] for words in commands] == ["build", "search", "search"]
    for words in commands:
        assert cli.main([word.replace("pixels", cells) for word in words]) == 0
    assert open_index("index").token_shape == (9, 48)
    assert "03.png" in capsys.readouterr().out.splitlines()[-5]
    assert cli.main([*commands[0], "--overwrite"]) == 2  # as the page says, pixels have no tokens
    assert "has no tokens" in capsys.readouterr().err
