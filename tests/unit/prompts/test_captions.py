from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import Index, Prompts, load_prompts, open_index, remove_images
from pytest_replication.errors import SettingsError, UnknownName
from pytest_replication.prompts.captions import duplicated_captions, random_captions

DISTINCT = {
    "a cat",
    "a cup of coffee",
    "Coffee again",
    "more coffee",
    "an astronaut",
    "an astronaut in a suit",
    "a clock",
}


def texts(prompts: Prompts) -> list[str | None]:
    return [prompt.text for prompt in prompts.entries]


def test_random_captions_are_distinct_and_know_all_their_rows(captioned_index: Index) -> None:
    prompts = random_captions(captioned_index, None)
    assert len(prompts) == 7
    assert set(texts(prompts)) == DISTINCT
    by_text = {prompt.text: prompt.rows for prompt in prompts.entries}
    assert by_text["a cat"] == (0, 4)  # "A  Cat" is the same caption
    assert by_text["a clock"] == (8,)
    assert prompts.generation == captioned_index.manifest.generation


def test_a_draw_follows_its_seed_and_repeats_nothing(captioned_index: Index) -> None:
    draws = [texts(random_captions(captioned_index, 3, seed)) for seed in (0, 0, 1, 2, 3)]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) > 1
    assert all(len(set(draw)) == 3 for draw in draws)
    every = {text for seed in range(20) for text in texts(random_captions(captioned_index, 1, seed))}
    assert every == DISTINCT


def test_captions_of_the_largest_groups_of_duplicates_come_first(captioned_index: Index) -> None:
    alone = duplicated_captions(captioned_index, None)
    assert texts(alone) == [
        "a cup of coffee",
        "an astronaut",
        "Coffee again",
        "an astronaut in a suit",
        "more coffee",
    ]
    assert texts(duplicated_captions(captioned_index, None, most=2)) == texts(alone)[:2]
    whole = duplicated_captions(captioned_index, 7, 3)
    assert texts(whole)[:5] == texts(alone)
    assert set(texts(whole)) == DISTINCT
    assert "then 2 others drawn with seed 3" in whole.source


def test_all_captions_of_a_class_come_in_order_some_are_drawn(captioned_index: Index) -> None:
    things = load_prompts("captions:label=thing", lambda: captioned_index)
    assert texts(things) == ["a cup of coffee", "Coffee again", "more coffee", "A  Cat", "a clock"]
    some = load_prompts("captions:label=thing", lambda: captioned_index, count=4, seeds_per_prompt=2, seed=1)
    assert len(set(texts(some)) & set(texts(things))) == 2


def test_the_labels_of_an_index_are_prompts_of_a_class_conditional_model(captioned_index: Index) -> None:
    labels = load_prompts("labels", lambda: captioned_index)
    assert [(p.text, p.label) for p in labels.entries] == [
        (None, "animal"),
        (None, "cup"),
        (None, "person"),
        (None, "thing"),
    ]
    assert len(load_prompts("labels:thing", lambda: captioned_index)) == 1


def test_a_removed_image_gives_no_caption(built_captioned: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built_captioned, tmp_path / "index"))
    clock = open_index(folder).records([8])[8]
    remove_images(folder, ids=[clock.id])
    index = open_index(folder)
    assert "a clock" not in texts(random_captions(index, None))
    with pytest.raises(SettingsError, match="were not counted, or before it changed"):
        duplicated_captions(index, None)


@pytest.mark.parametrize(
    ("name", "count", "message"),
    [
        ("captions", 8, "8 prompts are wanted of the captions of .*, which are 7"),
        ("captions:duplicated-first", 8, "8 prompts are wanted of the .*, which are 7"),
        ("captions:label=thing", 6, "6 prompts are wanted of the .*, which are 5"),
        (
            "captions:label=thin",
            None,
            r"the label 'thin' \(did you mean thing\?\): it has animal, cup, person, thing",
        ),
        ("labels:dog", None, "no training image of .* has the label 'dog'"),
        ("captions:duplicate-first", None, r"did you mean captions:duplicated-first\?"),
        ("captions:", None, r"did you mean captions\?"),
        ("labels:", None, r"did you mean labels\?"),
        ("captions:label=", None, "has the label ''"),
        ("captions:label=cup", None, "no training image with the label 'cup' of .* has a caption"),
    ],
)
def test_captions_that_there_are_not_are_refused(
    captioned_index: Index, name: str, count: int | None, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        load_prompts(name, lambda: captioned_index, count=count)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("captions", "no training image of .* has a caption"),
        ("captions:label=x", "has the label 'x': none of them has one"),
        ("labels", "no training image of .* has a label"),
        ("captions:duplicated-first", "'pytest-replication duplicates .*' counts them"),
    ],
)
def test_an_index_without_captions_is_refused(pixels_index: Index, name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_prompts(name, lambda: pixels_index)


def test_an_index_without_duplicates_is_refused(
    captioned_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = np.empty(0, np.int64)
    from pytest_replication import Duplicates

    index = open_index(captioned_index.path)
    monkeypatch.setitem(vars(index), "duplicates", Duplicates(0.95, none, none, none, none))
    with pytest.raises(SettingsError, match="both a caption and a duplicate"):
        duplicated_captions(index, None)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("caption", UnknownName, r"did you mean captions\?"),
        ("no/such/file", UnknownName, "there are no prompts"),
        ("none.txt", SettingsError, "no file of prompts"),
        ("captions", SettingsError, "those of an index, and there is none"),
    ],
)
def test_a_name_of_nothing_is_refused(name: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        load_prompts(name)


@pytest.mark.parametrize(
    ("count", "seeds", "message"),
    [
        (3, 1, "3 samples are wanted, but the 2 prompts of .* make 2 at 1 a prompt"),
        (5, 2, "no whole number of prompts at 2 seeds a prompt: ask for 4 or 6"),
        (1, 2, "ask for 2"),
        (0, 1, "0 samples are wanted"),
        (None, 0, "0 seeds a prompt are wanted"),
    ],
)
def test_a_count_that_the_prompts_do_not_make_is_refused(count: int | None, seeds: int, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_prompts(["a", "b"], count=count, seeds_per_prompt=seeds)


def test_few_captions_are_all_there_is_where_nobody_asks_for_more(captioned_index: Index) -> None:
    assert len(load_prompts("captions", lambda: captioned_index, seeds_per_prompt=100)) == 2
    assert len(load_prompts("captions", lambda: captioned_index, seeds_per_prompt=1000)) == 1
