from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pytest_replication.errors import SampleError
from pytest_replication.models import Samples, load_model
from pytest_replication.models.listing import Listed, read_listing, write_listing


@pytest.fixture
def ready(tmp_path: Path, picture: Callable[..., Image.Image]) -> Path:
    """Folder of three samples with a listing that turns their order round."""
    folder = tmp_path / "ready"
    (folder / "b").mkdir(parents=True)
    lines = []
    for number, name in enumerate(["c.png", "b/a.png", "a.png"]):
        picture(number).save(folder / name)
        lines.append({"file": name, "prompt": f"prompt {number}", "seed": 10 + number, "label": number})
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def packed(folder: Path, top: str = "") -> Path:
    tar = folder.with_suffix(".tar")
    with tarfile.open(tar, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.add(path, f"{top}{path.relative_to(folder)}", recursive=False)
    return tar


@pytest.mark.parametrize("top", [None, "", "./", "ready/"])
def test_a_listing_tells_order_prompts_seeds_and_classes(ready: Path, top: str | None) -> None:
    place = ready if top is None else packed(ready, top)
    for samples in (Samples.of(place), load_model(str(place)).sample(3)):
        assert samples.prompts == ("prompt 0", "prompt 1", "prompt 2")
        assert (samples.seeds, samples.labels) == ((10, 11, 12), (0, 1, 2))
        assert [name[-5:] for name in samples.names] == ["c.png", "a.png", "a.png"]
        assert [image.tobytes() for image in samples] == [
            Image.open(ready / name).convert("RGB").tobytes() for name in ("c.png", "b/a.png", "a.png")
        ]
        assert samples.image(1).tobytes() == list(samples)[1].tobytes()
    model = load_model(str(place))
    assert model.identity.ready
    assert model.sample(2).prompts == ("prompt 0", "prompt 1")


def test_a_tar_without_a_listing_is_a_folder_without_one(ready: Path) -> None:
    (ready / "samples.jsonl").unlink()
    samples = Samples.of(packed(ready))
    assert (len(samples), samples.prompts, samples.seeds) == (3, (), ())


def change(ready: Path, how: str) -> None:
    listing = ready / "samples.jsonl"
    lines = listing.read_text().splitlines()
    if how == "missing":
        (ready / "a.png").unlink()
    elif how == "extra":
        (ready / "d.png").write_bytes((ready / "a.png").read_bytes())
    elif how == "twice":
        lines.append(lines[0])
    elif how == "blank":
        lines.insert(1, "")
    elif how == "no prompt":
        lines[1] = '{"file": "b/a.png", "seed": 11, "label": 1}'
    else:
        lines[0] = how
    listing.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "names a.png, which is not there .1 in all."),
        ("extra", "does not name d.png, which is there"),
        ("twice", "names c.png twice, again in line 4"),
        ("blank", "line 2 is no line of JSON"),
        ("no prompt", "tells no prompt of b/a.png, but of others"),
        ("[]", "line 1 holds no object"),
        ("{}", "line 1 names no file"),
        ('{"file": "c.png", "promt": "x"}', "has the key 'promt' .did you mean prompt"),
        ('{"file": "c.png", "seed": "1"}', "has seed = '1'; expected a whole number"),
        ('{"file": "c.png", "seed": true}', "has seed = True"),
        ('{"file": "c.png", "label": 0.5}', "has label = 0.5"),
        ('{"file": "../c.png"}', "expected a path below its folder"),
        ('{"file": "/c.png"}', "expected a path below its folder"),
        ('{"file": "c.png", "file": "a.png"}', "a key stands in it twice"),
    ],
)
def test_a_listing_that_does_not_fit_is_refused(ready: Path, how: str, message: str) -> None:
    change(ready, how)
    for place in (ready, packed(ready)):
        with pytest.raises(SampleError, match=message):
            Samples.of(place)


def test_what_the_listing_tells_is_not_told_otherwise(ready: Path) -> None:
    with pytest.raises(SampleError, match="prompts are given for .*, whose samples.jsonl tells them"):
        Samples.of(ready, prompts=["a", "b", "c"])


def member(
    name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, io.BytesIO]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    return info, io.BytesIO(content)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("a.png"), member("a.png")], "has a.png twice"),
        ([member("a.png", kind=tarfile.SYMTYPE, link="/etc/passwd")], "has a.png, which cannot be read"),
        ([member("a.png", kind=tarfile.LNKTYPE, link="b.png")], "has a.png, which cannot be read"),
        ([member("a.png", kind=tarfile.FIFOTYPE)], "has a.png, which cannot be read"),
        ([member("samples.jsonl", kind=tarfile.SYMTYPE, link="x")], "samples.jsonl of .* is no regular file"),
        ([member("samples.jsonl", b""), member("x/samples.jsonl", b"")], "has two files samples.jsonl"),
        ([member("../a.png"), member("samples.jsonl", b"")], "does not name ../a.png"),
        (
            [member("a.png"), member("x/a.png"), member("x/samples.jsonl", b"")],
            "has a.png both beside and above its samples.jsonl",
        ),
        ([member("notes.txt")], "holds no samples"),
    ],
)
def test_a_tar_of_anything_else_is_refused(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, io.BytesIO]], message: str
) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        for info, content in members:
            content.seek(0)
            file.addfile(info, content)
    with pytest.raises(SampleError, match=message):
        Samples.of(tmp_path / "x.tar")


def test_a_tar_that_is_cut_or_compressed_is_refused(ready: Path) -> None:
    tar = packed(ready)
    whole = tar.read_bytes()
    tar.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SampleError, match=r"\.tar: it is cut off"):
        Samples.of(tar)
    with tarfile.open(tar, "w:gz") as file:
        file.add(ready, "ready")
    with pytest.raises(SampleError, match="is compressed: unpack it"):
        Samples.of(tar)


def test_a_sample_of_a_tar_that_is_no_image_is_named(ready: Path) -> None:
    (ready / "a.png").write_bytes(b"no image")
    samples = Samples.of(packed(ready))
    with pytest.raises(SampleError, match=r"sample .*ready.tar:a.png cannot be read"):
        list(samples)


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z]{1,8}\.png", fullmatch=True), st.text(), st.integers(), st.text()),
        min_size=1,
        unique_by=lambda each: each[0],
    )
)
def test_a_listing_comes_back_as_it_was_written(given: list[tuple[str, str, int, str]]) -> None:
    listed = [Listed(*each) for each in given]
    assert read_listing(write_listing(listed), "x", [each.file for each in listed]) == listed
