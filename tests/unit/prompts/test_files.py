from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_replication import Prompt
from pytest_replication.errors import SettingsError
from pytest_replication.prompts.files import read_prompts

WHOLE = (Prompt("a cat, asleep", "3", 7), Prompt("ein Käfer", "bug"))


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(folder: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), folder / "p.parquet")
    return folder / "p.parquet"


def test_a_text_file_has_a_prompt_a_line(tmp_path: Path) -> None:
    path = written(tmp_path, "p.txt", "﻿# no comment\r\na cat\n")
    assert read_prompts(path).entries == (Prompt("# no comment"), Prompt("a cat"))
    assert read_prompts(path).source == str(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "p.jsonl",
            '{"prompt": "a cat, asleep", "label": 3, "seed": 7, "url": null}\n{"prompt": " ein Käfer", "label": "bug"}',
        ),
        ("p.csv", 'seed,prompt,label\n7,"a cat, asleep",3\n,ein Käfer,bug\n'),
    ],
)
def test_tables_have_labels_and_seeds(tmp_path: Path, name: str, content: str) -> None:
    assert read_prompts(written(tmp_path, name, content)).entries == WHOLE


def test_a_parquet_file_has_them_too(tmp_path: Path) -> None:
    path = parquet(
        tmp_path, text=["a cat, asleep", "ein Käfer"], label=["3", "bug"], seed=[7, None], lists=[[1], []]
    )
    assert read_prompts(path).entries == WHOLE


def test_labels_alone_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "p.jsonl", '{"label": 0}\n{"label": 1}\n{"label": 0}\n')
    assert [prompt.label for prompt in read_prompts(path).entries] == ["0", "1"]


@settings(max_examples=25)
@given(st.lists(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1), min_size=1, max_size=5))
@example(["A", "a"])  # which encoders may tell apart
def test_every_text_comes_back(texts: list[str]) -> None:
    distinct = list({" ".join(t.split()): t for t in reversed(texts)}.values())
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), "p.jsonl", "\n".join(json.dumps({"prompt": t}) for t in texts))
        assert {p.text for p in read_prompts(path).entries} == set(distinct)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.txt", "", "holds no prompts"),
        ("p.txt", "a\n\nb\n", "line 2 of .*: the prompt is ''"),
        ("p.txt", "a\nb\n\n", "line 3 of .*: the prompt is ''"),
        ("p.txt", b"\xff\xfe", "cannot be read as text in UTF-8"),
        ("p.jsonl", '{"prompt": "a"}\n\n', "line 2 of .* is blank"),
        ("p.jsonl", '{"prompt": "a"', "line 1 of .* is no JSON"),
        ("p.jsonl", '{"prompt": "a", "prompt": "b"}', "stands in it twice"),
        ("p.jsonl", '"a"', "line 1 of .* is a str; expected an object"),
        ("p.jsonl", '{"promt": "a"}', r"no column prompt.*did you mean prompt\?"),
        ("p.jsonl", '{"prompt": "a"}\n{"label": "b"}', "1 of 2 prompts of .* have no text"),
        ("p.jsonl", '{"prompt": null}', "line 1 of .*: the prompt is None"),
        ("p.jsonl", '{"prompt": "a", "seed": 1.5}', "line 1 of .*: the seed 1.5 is none"),
        ("p.jsonl", '{"prompt": "a", "seed": true}', "the seed True is none"),
        ("p.jsonl", '{"prompt": "a", "label": [1]}', r"the label is \[1\]"),
        ("p.jsonl", '{"label": null}', "neither text nor label"),
        ("p.csv", "", "holds no prompts"),
        ("p.csv", "prompt\n", "holds no prompts"),
        ("p.csv", "prompt,prompt\na,b\n", "two columns of one name"),
        ("p.csv", "prompt,label\na cat, asleep,x\n", "line 2 of .* has 3 values"),
        ("p.csv", 'prompt\n"a\n', "cannot be read as CSV"),
        ("p.csv", "prompt,seed\na,x\n", "line 2 of .*: the seed 'x' is none"),
        ("p.parquet", "no parquet", "cannot be read as parquet"),
        ("p.toml", "a", "is no file of prompts"),
    ],
)
def test_a_file_that_is_not_sound_is_refused(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        read_prompts(written(tmp_path, name, content))


def test_a_parquet_file_without_prompts_names_its_columns(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no column prompt, text, caption or label, only url, words"):
        read_prompts(parquet(tmp_path, words=["a"], url=["u"]))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no file of prompts at .*none\.txt"):
        read_prompts(tmp_path / "none.txt")
