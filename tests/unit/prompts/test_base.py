from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication import Prompt, Prompts
from pytest_replication.errors import SettingsError
from pytest_replication.prompts.base import MAX_SEED

TEXTS = st.lists(st.text("ab ", min_size=1).filter(str.strip), min_size=1, max_size=6)


def test_prompts_keep_their_order_labels_and_seeds() -> None:
    prompts = Prompts.of(["a dog", "a cat"], labels=["dog", 3], seeds=[7, 9])
    assert prompts.entries == (Prompt("a dog", "dog", 7), Prompt("a cat", "3", 9))
    assert (len(prompts), prompts.texts) == (2, True)
    assert Prompts.of(prompts) is prompts


def test_a_prompt_that_repeats_another_is_left_out_and_told() -> None:
    prompts = Prompts.of(["a cat", " a  cat", "A cat", "a dog"], source="p.txt")
    assert [prompt.text for prompt in prompts.entries] == ["a cat", "A cat", "a dog"]  # T5 tells case apart
    assert prompts.source == "p.txt (1 that repeats others left out)"


def test_no_sample_is_made_and_counted_twice() -> None:
    near = Prompts.of(["a cat"] * 2, seeds=[0, 2])
    assert [one.seed for one in near.expand(2)] == [0, 1, 2, 3]
    with pytest.raises(SettingsError, match="the same samples would be counted twice"):
        near.expand(3)
    with pytest.raises(SettingsError, match="the seeds of 1 prompts are .*: give a list"):
        Prompts.of(["a cat"], seeds=iter([1]))  # type: ignore[arg-type]


def test_the_same_text_with_another_seed_or_label_is_another_prompt() -> None:
    assert len(Prompts.of(["a cat"] * 2, seeds=[1, 2])) == 2
    assert len(Prompts.of(["a cat"] * 2, labels=["x", "y"])) == 2


def test_labels_alone_are_prompts_of_a_class_conditional_model() -> None:
    prompts = Prompts.of(None, labels=[0, np.int64(1)])  # type: ignore[list-item]
    assert [prompt.label for prompt in prompts.entries] == ["0", "1"]
    assert not prompts.texts


@settings(max_examples=30)
@given(TEXTS, st.integers(1, 5), st.integers(0, 1000))
def test_sample_i_has_the_first_seed_plus_i(texts: list[str], seeds: int, seed: int) -> None:
    prompts = Prompts.of(texts)
    wanted = prompts.expand(seeds, seed)
    assert [one.seed for one in wanted] == list(range(seed, seed + len(prompts) * seeds))
    assert [one.prompt for one in wanted] == [prompt for prompt in prompts.entries for _ in range(seeds)]


def test_a_prompt_with_a_seed_goes_on_from_it() -> None:
    wanted = Prompts.of([Prompt("a", seed=40), Prompt("b"), Prompt("c", seed=0)]).expand(2, 5)
    assert [one.seed for one in wanted] == [40, 41, 7, 8, 0, 1]


@pytest.mark.parametrize(
    ("given_", "more", "message"),
    [
        ([], {}, "holds no prompts"),
        ("a cat", {}, "expected a list of texts"),
        (3, {}, "expected a list of texts"),
        (None, {}, "expected a list of texts"),
        ([3], {}, "prompt 0 is 3"),
        (["a", " "], {}, "a prompt is blank"),
        (["a"], {"labels": ["x", "y"]}, "the labels of 1 prompts are .*: give a list of one"),
        (["a"], {"labels": "x"}, "labels"),
        (["a"], {"labels": [True]}, "a label is True"),
        (["a"], {"seeds": [1, 2]}, "the seeds of 1 prompts are .*: give a list of one"),
        (["a"], {"seeds": [-1]}, "the seed -1 is none"),
        (["a"], {"seeds": [True]}, "the seed True is none"),
        (["a"], {"seeds": [MAX_SEED + 1]}, "is none"),
        ([Prompt("a"), Prompt(label="b")], {}, "1 of 2 prompts of .* have no text"),
        ([Prompt("a")], {"labels": ["x"]}, "brings its own label"),
    ],
)
def test_what_is_no_prompt_is_refused(given_: object, more: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Prompts.of(given_, **more)  # type: ignore[arg-type]


def test_a_prompt_needs_a_text_or_a_label() -> None:
    with pytest.raises(SettingsError, match="neither text nor label"):
        Prompt()


@pytest.mark.parametrize(("seeds", "seed"), [(0, 0), (True, 0), (1, -1), (2, MAX_SEED)])
def test_seeds_that_no_generator_takes_are_refused(seeds: int, seed: int) -> None:
    with pytest.raises(SettingsError):
        Prompts.of(["a"]).expand(seeds, seed)
