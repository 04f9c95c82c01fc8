"""Options of a model in files that are published."""

from __future__ import annotations

import pytest

from pytest_replication.results.masked import masked, masked_command, masked_value


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("steps=25", "steps=25"),
        ("negative_prompt=a cat", "negative_prompt=a cat"),
        ("arguments.eta=0.5", "arguments.eta=0.5"),
        ("arguments.flag=true", "arguments.flag=true"),
        ("arguments.token=hf_SECRET", "arguments.token=***"),
        ("arguments.pin=12a4", "arguments.pin=***"),
        ("token=hf_SECRET123", "token=***"),
        (" token = hf_SECRET=1", " token =***"),
        ("hf_SECRET", "***"),
    ],
)
def test_what_may_be_a_secret_is_hidden(option: str, told: str) -> None:
    assert masked(option) == told
    for name in ("--replication-model-option", "--model-option", "--model-opt"):
        assert masked_command([name, option, "rest"]) == [name, told, "rest"]
        assert masked_command([f"{name}={option}", "token=kept"]) == [f"{name}={told}", "token=kept"]
    assert masked_value("model-option", [option]) == [told]
    assert masked_value("model_option", option) == told


def test_an_ini_key_on_the_command_line_is_masked_line_by_line() -> None:
    given = "replication_model_option=steps=2\ntoken=hf_SECRET"
    assert masked_command(["-o", given]) == ["-o", "replication_model_option=steps=2\ntoken=***"]
    assert masked_command([f"-o{given}", f"--override-ini={given}"]) == [
        "-oreplication_model_option=steps=2\ntoken=***",
        "--override-ini=replication_model_option=steps=2\ntoken=***",
    ]


def test_all_else_stays() -> None:
    words = ["--replication-model=module:make", "-k", "model", "--model", "token=a", "--replication-seed=1"]
    assert masked_command(words) == words
    assert masked_value("index", "token=a") == "token=a"
    assert masked_value("model-option", None) is None
