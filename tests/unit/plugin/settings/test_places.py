from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication._plugin.settings.declared import SETTINGS
from pytest_replication._plugin.settings.places import placed, placed_prompts

BY_NAME = {setting.name: setting for setting in SETTINGS}


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("index", "idx", "HERE/idx"),
        ("index", "/idx", "/idx"),
        ("threshold", 0.5, 0.5),
        ("prompts", "risky.txt", "HERE/risky.txt"),
        ("prompts", "captions:label=a.txt", "captions:label=a.txt"),
        ("prompts", "labels", "labels"),
        ("model", "module:function", "module:function"),
        ("model", "there", "HERE/there"),
        ("model", "diffusers:there", "diffusers:HERE/there"),
        ("model", "diffusers:elsewhere", "diffusers:elsewhere"),
    ],
)
def test_where_a_value_begins(tmp_path: Path, name: str, value: object, meant: object) -> None:
    (tmp_path / "there").mkdir()
    meant = meant.replace("HERE", str(tmp_path)) if isinstance(meant, str) else meant
    assert placed(BY_NAME[name], value, tmp_path) == meant


def test_prompts_of_an_index_have_no_place(tmp_path: Path) -> None:
    assert placed_prompts("labels:a.b", tmp_path) == "labels:a.b"
