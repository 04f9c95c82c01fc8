from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication.errors import ModelError
from pytest_replication.models.options import KEYS, ModelOptions, read_toml, with_options

WHOLE = """
[model]
path = "diffusers:pipeline"
safety_checker = false

[sampling]
steps = 50
guidance = 7
scheduler = "DDIMScheduler"
negative_prompt = ""
dtype = "float16"

[adapters]
lora = ["style.safetensors"]

[arguments]
eta = 0.5
"""


def written(folder: Path, text: str) -> Path:
    (folder / "model.toml").write_text(text)
    return folder / "model.toml"


def test_a_file_is_read_and_its_paths_begin_beside_it(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "style.safetensors").touch()
    name, options = read_toml(written(tmp_path, WHOLE))
    assert name == f"diffusers:{tmp_path / 'pipeline'}"
    assert options == ModelOptions(
        safety_checker=False,
        steps=50,
        guidance=7.0,
        scheduler="DDIMScheduler",
        negative_prompt="",
        dtype="float16",
        lora=(str(tmp_path / "style.safetensors"),),
        arguments={"eta": 0.5},
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no model"),
        ("[model]\npath = 3", "names no model"),
        ("[model", "is no TOML file"),
        ("[modle]\npath = 'x'", "has 'modle' .did you mean model"),
        ("model = 'x'", "expected a table, .model."),
        ("[model]\npath = 'x'\nsteps = 3", "has 'steps' in .model."),
        (
            "[model]\npath = 'x'\n[sampling]\nguidanc = 3",
            "has 'guidanc' in .sampling. .did you mean guidance",
        ),
        (
            "[model]\npath = 'x'\n[sampling]\nsteps = '3'",
            "has steps = '3'; expected a whole number from 1 on",
        ),
        ("[model]\npath = 'x'\n[sampling]\nsteps = true", "has steps = True"),
        ("[model]\npath = 'x'\n[sampling]\nguidance = nan", "has guidance = nan; expected a number"),
        ("[model]\npath = 'x'\n[sampling]\ndtype = 'half'", "expected one of float32, float16, bfloat16"),
        ("[model]\npath = 'x'\n[adapters]\nlora = 'x'", "expected a list of files"),
        ("[model]\npath = 'x'\n[arguments]\neta = [1]", "has eta = .1. in arguments"),
        ("[model]\npath = 'x'\ntrust_remote_code = 1", "expected true or false"),
    ],
)
def test_a_file_of_anything_else_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_toml(written(tmp_path, text))


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_toml(tmp_path / "no.toml")


def test_options_come_before_those_of_the_file() -> None:
    options = with_options(
        ModelOptions(steps=50, guidance=7.5, arguments={"eta": 0.5}),
        [
            "steps=25",
            "scheduler=3",
            "lora=a=b.safetensors",
            "lora=c",
            "arguments.eta=1",
            "arguments.mode=fast",
        ],
    )
    assert options == ModelOptions(
        steps=25,
        guidance=7.5,
        scheduler="3",
        lora=("a=b.safetensors", "c"),
        arguments={"eta": 1, "mode": "fast"},
    )


def test_lists_of_numbers_are_written_with_commas() -> None:
    assert with_options(ModelOptions(), ["noise=4,8,8", "range=[-1, 1]"]) == ModelOptions(
        noise=(4, 8, 8), range=(-1, 1)
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("steps", "is no KEY=VALUE"),
        ("step=3", "no option 'step' .did you mean steps"),
        ("path=x", "no option 'path'"),
        ("steps=0", "expected a whole number from 1 on"),
        ("steps=many", "has steps = 'many'"),
        ("range=1,-1", "expected the values of black and white"),
        ("noise=4,x", "expected a list of whole numbers"),
        ("offload=all", "expected one of model, sequential"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(option: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        with_options(ModelOptions(), [option])
    with pytest.raises(ModelError, match="given twice"):
        with_options(ModelOptions(), ["steps=3", "steps=4"])


@settings(max_examples=40)
@given(st.sampled_from(KEYS), st.text(max_size=8))
def test_any_text_is_an_option_or_an_error(key: str, value: str) -> None:
    try:
        options = with_options(ModelOptions(), [f"{key}={value}"])
    except ModelError:
        return
    assert set(options.given()) <= {key}


PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")


def test_the_page_has_a_file_that_is_read_and_every_key(tmp_path: Path) -> None:
    name, options = read_toml(written(tmp_path, PAGE.partition("```toml\n")[2].partition("```")[0]))
    assert (name, options.steps, options.arguments) == ("pipeline", 50, {"eta": 0.0})
    assert [key for key in KEYS if f"`{key}`" not in PAGE] == []
