from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_replication.benchmark.choose import choose_sets, hosts_of, pictures_of
from pytest_replication.benchmark.chosen import Chosen
from pytest_replication.benchmark.chosen_checks import check_apart, idle
from pytest_replication.benchmark.recipe_note import digest_of_files
from pytest_replication.errors import BenchmarkError, SettingsError, SourceError


@pytest.fixture
def chosen(training: Path, unrelated: Path) -> Chosen:
    return Chosen(str(training), None, str(unrelated), count=4, negatives=2)


def test_a_kind_is_made_of_the_users_images_and_taken_as_it_is_again(chosen: Chosen, tmp_path: Path) -> None:
    (made,) = choose_sets(["edits"], chosen, tmp_path, progress=False)
    assert (made.name, len(made.queries), len(made.database)) == ("edits", 6, 20)
    changed = (tmp_path / "edits" / "set.json").stat().st_mtime_ns
    assert choose_sets(["edits"], chosen, tmp_path, progress=False) == [made]
    assert (tmp_path / "edits" / "set.json").stat().st_mtime_ns == changed


def test_a_set_that_was_made_otherwise_is_not_taken(chosen: Chosen, tmp_path: Path) -> None:
    choose_sets(["edits"], chosen, tmp_path, progress=False)
    with pytest.raises(
        BenchmarkError, match=r"holds a set that was made otherwise.*what differs: seed\): delete it"
    ):
        choose_sets(["edits"], replace(chosen, seed=1), tmp_path, progress=False)
    (tmp_path / "edits.json").unlink()
    with pytest.raises(BenchmarkError, match="was made otherwise"):
        choose_sets(["edits"], chosen, tmp_path, progress=False)


@pytest.mark.parametrize("side", ["images", "others"])
def test_a_set_of_images_that_have_changed_is_not_taken(chosen: Chosen, tmp_path: Path, side: str) -> None:
    own = tmp_path / "own"
    shutil.copytree(getattr(chosen, side), own)
    asked = replace(chosen, **{side: str(own)})
    (made,) = choose_sets(["edits"], asked, tmp_path / "sets", progress=False)
    relative = replace(asked, **{side: str(tmp_path / "sets" / ".." / "own")})
    assert choose_sets(["edits"], relative, tmp_path / "sets", progress=False) == [made]
    first, second, *_ = sorted(own.iterdir())
    shutil.copyfile(first, second)
    with pytest.raises(BenchmarkError, match=rf"images that have changed since \(what differs: {side}\)"):
        choose_sets(["edits"], asked, tmp_path / "sets", progress=False)


def test_objects_and_pipelines_are_known_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model.bin").write_bytes(b"1")
    before = digest_of_files(f"cutouts:{tmp_path / 'a'}")
    assert (before, before["count"]) == (digest_of_files(f"cutouts:{tmp_path}/a"), 1)
    (tmp_path / "a" / "model.bin").write_bytes(b"22")
    assert digest_of_files(f"cutouts:{tmp_path / 'a'}") != before


def test_a_folder_with_a_set_is_read(chosen: Chosen, tmp_path: Path) -> None:
    (made,) = choose_sets(["edits"], chosen, tmp_path, progress=False)
    assert choose_sets([str(tmp_path / "edits")], Chosen(), tmp_path / "else", progress=False) == [made]


def test_a_published_set_is_opened_with_its_own_messages(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="copydays"):
        choose_sets([f"copydays:strong={tmp_path / 'missing'}"], Chosen(), tmp_path, progress=False)


@pytest.mark.parametrize("out", ["own", "own/bench", "."])
@pytest.mark.parametrize("side", ["images", "objects", "others", "background", "published"])
def test_results_and_images_lie_apart(tmp_path: Path, out: str, side: str) -> None:
    own = tmp_path / "own"
    own.mkdir()
    given = f"cutouts:{own}" if side == "objects" else str(own)
    names = ["edits", *([f"copydays={own}"] if side == "published" else [])]
    chosen = Chosen(**({side: given} if side in ("images", "objects", "others") else {}))
    behind = given if side == "background" else None
    with pytest.raises(BenchmarkError, match="give a folder apart as --out"):
        check_apart(tmp_path / "x" / ".." / out, names, chosen, behind)
    check_apart(tmp_path / "bench", names, chosen, behind)
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_results_lie_in_no_set_but_sets_may_lie_among_results(chosen: Chosen, tmp_path: Path) -> None:
    choose_sets(["edits"], chosen, tmp_path / "bench" / "sets", progress=False)
    made = tmp_path / "bench" / "sets" / "edits"
    check_apart(tmp_path / "bench", [str(made)], Chosen())
    for out in (made, made / "database" / "bench"):
        with pytest.raises(BenchmarkError, match="give a folder apart as --out"):
            check_apart(out, [str(made)], Chosen())


def test_part_of_a_published_set_is_marked(tmp_path: Path, training: Path) -> None:
    for place in ("original/200000.jpg", "strong/200001.jpg"):
        (tmp_path / place).parent.mkdir()
        shutil.copyfile(sorted(training.iterdir())[0], tmp_path / place)
    told: list[str] = []
    asked = [f"copydays={tmp_path / 'strong' / '..'}"]
    with pytest.raises(BenchmarkError, match="give --partial"):
        choose_sets(asked, Chosen(), tmp_path, progress=False)
    (made,) = choose_sets(asked, Chosen(), tmp_path, partial=True, progress=False, tell=told.append)
    assert (made.name, made.about["partial"]) == ("copydays:strong (partial)", True)
    assert told == ["copydays:strong (partial): 1 queries, 1 pictures in the database"]
    assert made.database[0].path == tmp_path.resolve() / "original" / "200000.jpg"
    with pytest.raises(SettingsError, match="partial is for published sets"):
        choose_sets(["edits"], Chosen(), tmp_path, partial=True, progress=False)


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        (["edits"], {}, "a set edits is made of images: give them with --images"),
        (
            ["segmix"],
            {"images": None},
            "a set segmix is made of images with masks: give them as --objects cutouts:F",
        ),
        (["edits", "segmix"], {}, "a set edits is made of images: give them with --images"),
        (["segmix"], {"objects": "cut/"}, "'cut/' names no images with masks; expected one of coco"),
        (["cutmx"], {}, r"there is no set 'cutmx' \(did you mean cutmix\?\): give a kind \(cutmix, "),
        (["edits"], {"images": "EMPTY"}, "EMPTY holds no images: name a folder, a file or a list that does"),
        (["edits"], {"count": 0, "images": "FULL"}, "count is 0; expected 1 to"),
        (["edits"], {"others": "nofolder", "images": "FULL"}, "nofolder"),
    ],
)
def test_wrong_usage_is_told_before_any_set_is_made(
    tmp_path: Path, training: Path, names: list[str], given: dict[str, Any], message: str
) -> None:
    (tmp_path / "EMPTY").mkdir()
    places = {"EMPTY": str(tmp_path / "EMPTY"), "FULL": str(training)}
    chosen = Chosen(**{key: places.get(value, value) for key, value in given.items()})
    with pytest.raises((SettingsError, SourceError), match=message):
        choose_sets(names, chosen, tmp_path / "sets", progress=False)
    assert not (tmp_path / "sets").exists()


def test_a_pipeline_that_is_missing_is_told_before_any_set_is_made(tmp_path: Path, training: Path) -> None:
    chosen = Chosen(str(training), fill=str(tmp_path / "none"))
    with pytest.raises(BenchmarkError, match=r"model_index\.json is missing, give a folder that has one"):
        choose_sets(["edits", "patch_outpaint"], chosen, tmp_path / "sets", progress=False)
    assert not (tmp_path / "sets").exists()


def test_options_that_change_nothing_are_told() -> None:
    given = Chosen("a", "cutouts:b", "c", fill="d")
    assert idle(["edits"], given) == [
        "--objects changes nothing: no kind that needs masks is named",
        "--others changes nothing: no kind with hosts is named, and --negatives is 0",
        "--fill changes nothing: no outpainted kind is named",
    ]
    assert idle(["segmix"], replace(given, negatives=2))[0].startswith(
        "--images changes nothing: no kind that"
    )
    assert idle(["cutmix", "segmix", "patch_outpaint"], given) == []
    assert len(idle(["copydays=x"], replace(given, twins="e"))) == 5
    assert idle(["edits"], Chosen("a")) == []


def test_twins_are_read_and_kept_with_the_set(chosen: Chosen, training: Path, tmp_path: Path) -> None:
    file = tmp_path / "twins.txt"
    one, other = sorted(path.name for path in training.iterdir())[:2]
    file.write_text(f"# near duplicates\n\n{one}\t{other}\n")
    asked = replace(chosen, twins=str(file), count=20)
    (made,) = choose_sets(["edits"], asked, tmp_path / "sets", progress=False)
    of_one = [query for query in made.queries if query.positives == {one}]
    assert of_one
    assert {query.junk for query in of_one} == {frozenset({other})}
    with pytest.raises(BenchmarkError, match=r"what differs: twins\)"):
        choose_sets(["edits"], replace(asked, twins=None), tmp_path / "sets", progress=False)
    for text, message in (
        (f"{one} {other}\n", "line 1 of .* expected the ids of two images, a tab between them"),
        (f"{one}\tnone.jpg\n", "and none.jpg, which are not both among the images of one set"),
    ):
        file.write_text(text)
        with pytest.raises(SettingsError, match=message):
            choose_sets(["edits"], asked, tmp_path / "else", progress=False)
    with pytest.raises(SettingsError, match=r"the twins gone\.txt cannot be read"):
        choose_sets(["edits"], replace(chosen, twins="gone.txt"), tmp_path / "else", progress=False)
    assert not (tmp_path / "else").exists()


def test_hosts_of_a_set_are_those_that_parts_were_pasted_into(chosen: Chosen, tmp_path: Path) -> None:
    (made,) = choose_sets(["cutmix"], chosen, tmp_path, progress=False)
    hosts = hosts_of(made, chosen)
    assert set(hosts) == {query.made["host"] for query in made.queries if "host" in query.made}
    assert all(name.startswith("others/") and load().mode == "RGB" for name, load in hosts.items())
    assert hosts_of(made, Chosen()) == {}  # a set that was read: where its hosts lie is not known


def test_pictures_of_a_folder(unrelated: Path, tmp_path: Path) -> None:
    found = pictures_of(str(unrelated))
    assert [picture.id for picture in found] == sorted(path.name for path in unrelated.iterdir())
    assert found[0].load().mode == "RGB"
    import numpy as np

    np.save(tmp_path / "a.npy", np.full((2, 8, 8, 3), 200, np.uint8))
    with pytest.raises(BenchmarkError, match="is no folder with images"):
        pictures_of(str(tmp_path / "a.npy"))
