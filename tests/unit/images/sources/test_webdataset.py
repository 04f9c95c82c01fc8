from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_replication.errors import SourceError
from pytest_replication.images.sources import FileSlice, ImageRef, Source, open_source
from pytest_replication.images.sources import groups as groups_module
from pytest_replication.images.sources import tars as tars_module
from pytest_replication.images.sources import webdataset as webdataset_module
from pytest_replication.images.sources.tars import TarReader

Write = Callable[..., Path]
JPEG = b"\xff\xd8\xff" + b"x" * 700


def refs(source: Source) -> list[ImageRef]:
    found = list(source)
    assert [ref.id for ref in found] == [ref.id for ref in source]
    return found


@pytest.mark.parametrize(("suffix", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz")])
def test_captions_and_labels_come_along(
    suffix: str, mode: str, photos: list[Path], tmp_path: Path, write_tar: Write
) -> None:
    path = write_tar(
        tmp_path / f"0.{suffix}",
        {
            "a/000.cls": b"7\n",
            "a/000.jpg": photos[0],
            "a/000.txt": b" a cat\n",
            "a/001.jpg": photos[1],
            "a/001.json": json.dumps({"caption": "a dog", "label": 3}).encode(),
            "002.png": photos[2],
            "002.json": b'{"text": "a cup"}',
            "003.JPG": photos[3],
        },
        mode,
    )
    source = open_source(f"webdataset:{path}")
    found = refs(source)
    assert [(ref.id, ref.caption, ref.label) for ref in found] == [
        (f"0.{suffix}/a/000.jpg", "a cat", "7"),
        (f"0.{suffix}/a/001.jpg", "a dog", "3"),
        (f"0.{suffix}/002.png", "a cup", None),
        (f"0.{suffix}/003.JPG", None, None),
    ]
    assert [ref.read() for ref in found] == [photo.read_bytes() for photo in photos[:4]]
    assert found[0].uri == f"{path}/a/000.jpg"
    assert not source.counted
    assert all(ref.fault is None for ref in found)


def test_an_uncompressed_tar_is_not_read_to_be_listed(
    photos: list[Path], tmp_path: Path, write_tar: Write
) -> None:
    path = write_tar(tmp_path / "0.tar", {"a.jpg": photos[0], "b.jpg": photos[1]})
    found = list(open_source(path))
    assert [type(ref.content) for ref in found] == [FileSlice, FileSlice]
    os.utime(path, ns=(1, 1))
    assert all(old.version != new.version for old, new in zip(found, open_source(path), strict=True))
    os.truncate(path, 1024)
    with pytest.raises(OSError, match="too early"):
        found[1].read()


def test_several_images_of_a_key_are_all_listed(tmp_path: Path, write_tar: Write) -> None:
    members = [("a.jpg", JPEG), ("a.mask.png", JPEG), ("a.txt", b"t"), ("a.jpg", JPEG), ("b.x.heic", b"heic")]
    found = refs(open_source(write_tar(tmp_path / "0.tar", members)))
    assert [ref.id for ref in found[:2]] == ["0.tar/a.jpg", "0.tar/a.mask.png"]
    assert found[2].id.startswith("0.tar/a.jpg@")
    assert [ref.caption for ref in found] == ["t", "t", "t", None]
    assert len({ref.id for ref in found}) == 4


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_name_that_comes_again_elsewhere_is_another_image(
    mode: str, tmp_path: Path, write_tar: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [("a.jpg", JPEG), ("b.jpg", JPEG), ("a.jpg", JPEG + b"y"), ("./b.jpg", JPEG)]
    path = write_tar(tmp_path / "0.tar", members, mode)
    found = refs(open_source(path))
    assert [ref.id.partition("@")[0] for ref in found] == [f"0.tar/{name}.jpg" for name in "abab"]
    assert len({ref.id for ref in found}) == len({ref.uri for ref in found}) == 4
    monkeypatch.setattr(webdataset_module, "_NAMES", 1)  # remembers a alone
    assert ["@" in ref.id for ref in refs(open_source(path))] == [False, True, True, True]


def test_images_without_the_name_of_one_are_told_by_their_first_bytes(
    tmp_path: Path, write_tar: Write
) -> None:
    webp = b"RIFF\0\0\0\0WEBP" + b"x" * 20
    members = {"a": JPEG, "b.image": webp, "c.npy": b"\x93NUMPY", "d.txt": JPEG, "e.pyd": b""}
    for name, mode in (("0.tar", "w"), ("0.tgz", "w:gz")):
        found = refs(open_source(write_tar(tmp_path / name, members, mode)))
        assert [ref.id for ref in found] == [f"{name}/a", f"{name}/b.image"]
        assert [ref.read() for ref in found] == [JPEG, webp]


def test_dot_files_are_passed_over_and_do_not_part_a_key(tmp_path: Path, write_tar: Write) -> None:
    members = {"./._a.jpg": JPEG, "./a.jpg": JPEG, "./._a.txt": b"x", "./a.txt": b"t"}
    (ref,) = refs(open_source(write_tar(tmp_path / "0.tar", members)))
    assert (ref.id, ref.caption) == ("0.tar/a.jpg", "t")


def test_sidecars_that_cannot_be_used_are_left_out(tmp_path: Path, write_tar: Write) -> None:
    members = {
        "a.jpg": JPEG,
        "a.txt": b"x" * (1 << 20) + b"y",
        "b.jpg": JPEG,
        "b.json": b"{",
        "c.jpg": JPEG,
        "c.json": b"[1]",
        "d.jpg": JPEG,
        "d.json": b'{"caption": "\\ud800"}',
        "e.jpg": JPEG,
        "e.json": b"[" * 200_000,
    }
    found = refs(open_source(write_tar(tmp_path / "0.tar", members)))
    assert [ref.caption for ref in found] == [None, None, None, "\\ud800", None]


def test_a_caption_is_taken_from_the_text_before_the_json(tmp_path: Path, write_tar: Write) -> None:
    json_first = {"a.json": b'{"caption": "json"}', "a.jpg": JPEG, "a.txt": b"txt"}
    txt_first = {"a.txt": b"txt", "a.jpg": JPEG, "a.json": b'{"caption": "json", "label": "l"}'}
    for name, members in (("0.tar", json_first), ("1.tar", txt_first)):
        (ref,) = open_source(write_tar(tmp_path / name, members))
        assert ref.caption == "txt"


def test_a_key_with_very_many_images_does_not_fill_the_memory(
    tmp_path: Path, write_tar: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_module, "_MOST", 4)
    members = {"a.txt": b"t"} | {f"a.{i:03d}.jpg": JPEG for i in range(11)}
    found = refs(open_source(write_tar(tmp_path / "0.tar", members)))
    assert [ref.id for ref in found] == [f"0.tar/a.{i:03d}.jpg" for i in range(11)]
    assert {ref.caption for ref in found} == {"t"}


def test_images_of_a_key_in_a_compressed_tar_do_not_fill_the_memory(
    tmp_path: Path, write_tar: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_module, "_HELD", 2000)
    members = [
        ("a.txt", b"t"),
        *([("a.jpg", JPEG)] * 5),
        ("a.mp4", bytes(9000)),
        ("a.cls", b"1"),
        ("b.jpg", JPEG),
    ]
    path = write_tar(tmp_path / "0.tgz", members, "w:gz")
    with TarReader(path) as tar:
        found = [[len(image.data or b"") for image in group.images] for group in groups_module.groups(tar)]
    assert found == [[len(JPEG)] * 2, [len(JPEG)] * 2, [len(JPEG)], [len(JPEG)]]
    listed = refs(open_source(path))
    assert len({ref.id for ref in listed}) == 6
    assert [(ref.caption, ref.label) for ref in listed[3:]] == [("t", None), ("t", "1"), (None, None)]
    large = write_tar(tmp_path / "1.tgz", {"a.jpg": JPEG * 3, "a.png": JPEG * 3, "a.txt": b"t"}, "w:gz")
    assert [ref.read() for ref in refs(open_source(large))] == [JPEG * 3] * 2
    plain = refs(open_source(write_tar(tmp_path / "2.tar", members)))
    assert [(ref.caption, ref.label) for ref in plain[:5]] == [
        ("t", "1")
    ] * 5  # nothing is held, all stay together


# A few bytes of gzip may stand for headers of any size.


def long_header(kind: bytes, content: bytes) -> bytes:
    """A member whose content `tarfile` reads as it looks for the next one."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, len(content)
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def plain_member(name: str, data: bytes = JPEG) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info.tobuf() + data + bytes(-len(data) % 512)


def attributes(**given: str) -> bytes:
    return tarfile.TarInfo.create_pax_global_header(given)  # type: ignore[attr-defined]


def sparse_map(holes: int) -> bytes:
    """A sparse member whose map stands before its bytes."""
    facts = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s.jpg"}
    info = tarfile.TarInfo("s.jpg")
    info.size, info.pax_headers = 2 * holes + 512, facts
    return info.tobuf(tarfile.PAX_FORMAT) + f"{holes}\n".encode() + b"0\n" * holes


@pytest.mark.parametrize(
    "header",
    [
        long_header(tarfile.GNUTYPE_LONGNAME, bytes(3 << 18)),
        long_header(tarfile.GNUTYPE_LONGLINK, bytes(3 << 18)),
        long_header(tarfile.XHDTYPE, b"786449 comment=" + b"x" * (3 << 18) + b"\n"),
        long_header(tarfile.GNUTYPE_LONGNAME, bytes(50_000)) * 8,
        attributes(a="x" * (3 << 18)),
        b"".join(attributes(**{f"k{i}": "x" * 100_000}) + plain_member(f"n{i}.txt", b"") for i in range(4)),
        sparse_map(400_000),
    ],
    ids=["name", "link", "attributes", "many names", "global", "many global", "sparse"],
)
@pytest.mark.parametrize("first", [False, True])
def test_headers_that_would_fill_the_memory_are_damage(
    header: bytes, first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tars_module, "_HEADERS", 1 << 18)
    path = tmp_path / "0.tgz"
    members = ([] if first else [plain_member("a.jpg")]) + [header, plain_member("b.jpg"), bytes(10240)]
    path.write_bytes(gzip.compress(b"".join(members), 1))
    del members
    tracemalloc.start()
    found: list[str] = []
    try:
        with pytest.raises(SourceError, match="headers belong to one member"):
            found.extend(ref.id for ref in open_source(path))
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert found == ([] if first else ["0.tgz/a.jpg"])
    assert peak < 3 << 19


def test_a_tar_that_begins_with_attributes_for_all_members_is_read(tmp_path: Path) -> None:
    (tmp_path / "0.tar").write_bytes(attributes(comment="v1") + plain_member("a.jpg") + bytes(10240))
    (ref,) = refs(open_source(tmp_path / "0.tar"))
    assert (ref.id, ref.fault, ref.read()) == ("0.tar/a.jpg", None, JPEG)


def test_long_names_are_read(tmp_path: Path) -> None:
    for number, kind in enumerate((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        path, name = tmp_path / f"{number}.tgz", "d/" * 2000 + "ü.jpg"
        with tarfile.open(path, "w:gz", format=kind) as tar:
            info = tarfile.TarInfo(name)
            info.size = len(JPEG)
            tar.addfile(info, io.BytesIO(JPEG))
        (ref,) = refs(open_source(path))
        assert (ref.id, ref.read()) == (f"{path.name}/{name}", JPEG)


def test_names_are_never_paths(tmp_path: Path, write_tar: Write) -> None:
    members = {"../../up.jpg": JPEG, "/etc/abs.jpg": JPEG, "new\nline\x1b.jpg": JPEG}
    found = refs(open_source(write_tar(tmp_path / "0.tar", members)))
    assert [ref.id for ref in found] == [
        "0.tar/../../up.jpg",
        "0.tar//etc/abs.jpg",
        "0.tar/new\\nline\\x1b.jpg",
    ]
    assert {ref.read() for ref in found} == {JPEG}


def test_a_name_in_no_encoding_can_be_stored(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo(os.fsdecode(b"caf\xe9.jpg"))
        info.size = len(JPEG)
        tar.addfile(info, io.BytesIO(JPEG))
    (ref,) = refs(open_source(path))
    assert ref.id == "0.tar/caf\\xe9.jpg"
    ref.uri.encode()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "a link to /etc/passwd"),
        (tarfile.LNKTYPE, "a link to /etc/passwd"),
        (tarfile.CHRTYPE, "neither a file nor a link"),
        (tarfile.FIFOTYPE, "neither a file nor a link"),
    ],
)
def test_what_poses_as_an_image_is_listed_with_a_fault(kind: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("a.jpg")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
        folder = tarfile.TarInfo("b.jpg")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        text = tarfile.TarInfo("c.txt")
        text.type, text.linkname = kind, "/etc/passwd"
        tar.addfile(text)
    (ref,) = refs(open_source(path))
    assert ref.id == "0.tar/a.jpg"
    assert reason in (ref.fault or "")
    assert ref.read() == b""


def test_a_sparse_member_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("a.jpg")
        info.size = 512
        info.pax_headers = {"GNU.sparse.map": "0,512", "GNU.sparse.size": "100000", "GNU.sparse.major": "0"}
        tar.addfile(info, io.BytesIO(bytes(512)))
        whole = tarfile.TarInfo("b.jpg")
        whole.size = len(JPEG)
        tar.addfile(whole, io.BytesIO(JPEG))
    sparse, other = refs(open_source(path))
    assert "sparse" in (sparse.fault or "")
    assert (other.fault, other.read()) == (None, JPEG)


@pytest.mark.parametrize("members", [{}, {"a.txt": b"x"}])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_without_images_is_a_fault(
    members: dict[str, bytes], mode: str, tmp_path: Path, write_tar: Write
) -> None:
    (ref,) = refs(open_source(write_tar(tmp_path / "0.tar", members, mode)))
    assert (ref.id, ref.fault) == ("0.tar", "the tar holds no images")


def test_missing_and_unreadable_tars_are_errors(tmp_path: Path, write_tar: Write) -> None:
    write_tar(tmp_path / "00.tar", {"a.jpg": JPEG})
    with pytest.raises(SourceError, match=r"01\.tar cannot be read: No such file"):
        open_source(f"webdataset:{tmp_path}/{{00..01}}.tar")
    (tmp_path / "01.tar").write_bytes(b"<html>404</html>" * 100)
    with pytest.raises(SourceError, match=r"01\.tar is not a tar"):
        open_source(f"webdataset:{tmp_path}/{{00..01}}.tar")
    (tmp_path / "02.tar").write_bytes(b"")
    with pytest.raises(SourceError, match=r"02\.tar is not a tar"):
        open_source(tmp_path / "02.tar")
    (tmp_path / "03.tgz").write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(SourceError, match=r"03\.tgz is not a tar"):
        open_source(tmp_path / "03.tgz")


def test_a_bzipped_tar_is_not_taken_apart(tmp_path: Path, write_tar: Write) -> None:
    with pytest.raises(SourceError, match=r"0\.tar is not a tar, plain or gzipped"):
        open_source(write_tar(tmp_path / "0.tar", {"a.jpg": JPEG}, "w:bz2"))


def test_tars_of_several_folders_have_ids_of_their_own(tmp_path: Path, write_tar: Write) -> None:
    for name in "xy":
        (tmp_path / name).mkdir()
        write_tar(tmp_path / name / "0.tar", {"a.jpg": JPEG})
    wanted = ["x/0.tar/a.jpg", "y/0.tar/a.jpg"]
    assert [ref.id for ref in open_source(f"webdataset:{tmp_path}/{{x,y}}/0.tar")] == wanted
    assert [ref.id for ref in open_source(tmp_path)] == wanted


def test_the_length_is_an_estimate(tmp_path: Path, write_tar: Write) -> None:
    for number in range(2):
        write_tar(tmp_path / f"{number}.tar", {f"{i:04d}.jpg": JPEG for i in range(200)})
    source = open_source(tmp_path)
    assert not source.counted
    assert 350 < len(source) < 450
    assert len(list(source)) == 400


# A tar must never end early in silence.

MANY = {f"{i:02d}.{suffix}": JPEG + bytes([i]) for i in range(6) for suffix in ("jpg", "txt")}


def check_told(path: Path) -> list[ImageRef]:
    """Every image of MANY is listed and whole, or an error says that something is missing."""
    whole = {name: data for name, data in MANY.items() if name.endswith("jpg")}
    try:
        found = list(open_source(path))
    except SourceError:
        return []
    readable = {ref.id.removeprefix(f"{path.name}/"): ref.read() for ref in found if not ref.fault}
    assert readable == whole
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1), mode=st.sampled_from(["w", "w:gz"]))
def test_a_tar_that_is_cut_off_anywhere_says_so(
    share: float, mode: str, tmp_path: Path, write_tar: Write
) -> None:
    path = write_tar(tmp_path / "0.tar", MANY, mode)
    os.truncate(path, int(path.stat().st_size * share))
    check_told(path)


def test_a_tar_that_is_cut_off_between_two_members_says_so(tmp_path: Path, write_tar: Write) -> None:
    path = write_tar(tmp_path / "0.tar", MANY)
    for blocks in range(1, path.stat().st_size // 512):
        write_tar(path, MANY)
        os.truncate(path, blocks * 512)
        if any(path.read_bytes()[-512:]):  # an end mark of one block is one
            with pytest.raises(SourceError, match=r"0\.tar was cut off: .*; fetch it again"):
                open_source(path)
        else:
            assert len(check_told(path)) == 6


def test_a_tar_in_the_middle_of_many_is_looked_at_before_work_begins(
    tmp_path: Path, write_tar: Write
) -> None:
    for number in range(3):
        write_tar(tmp_path / f"{number}.tar", MANY)
    os.truncate(tmp_path / "1.tar", 4096)
    with pytest.raises(SourceError, match=r"1\.tar was cut off"):
        open_source(tmp_path)


def test_a_damaged_image_in_a_whole_tar_is_a_fault_of_its_own(tmp_path: Path, write_tar: Write) -> None:
    path = write_tar(tmp_path / "0.tar", {"a.jpg": JPEG, "b.jpg": JPEG[:20], "c.jpg": JPEG})
    assert [ref.read() for ref in open_source(path)] == [JPEG, JPEG[:20], JPEG]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(block=st.integers(1, 35), fill=st.sampled_from([b"\0", b"\xff", b"7"]), count=st.integers(1, 4))
def test_a_tar_with_a_damaged_header_says_so(
    block: int, fill: bytes, count: int, tmp_path: Path, write_tar: Write
) -> None:
    path = write_tar(tmp_path / "0.tar", MANY)
    with tarfile.open(path) as tar:
        headers = {member.offset // 512 for member in tar}
    content = bytearray(path.read_bytes())
    content[block * 512 : (block + count) * 512] = fill * (512 * count)
    path.write_bytes(content)
    goes_on = any(content[(block + count) * 512 :])  # or nothing tells the damage from the end
    if goes_on and any(at in headers for at in range(block, block + count)):
        with pytest.raises(SourceError, match="damaged"):
            list(open_source(path))


def test_tars_that_were_joined_without_care_say_so(tmp_path: Path, write_tar: Write) -> None:
    first = write_tar(tmp_path / "0.tar", {"a.jpg": JPEG}).read_bytes()
    second = write_tar(tmp_path / "1.tar", {"b.jpg": JPEG}).read_bytes()
    (tmp_path / "2.tar").write_bytes(first + second)
    (tmp_path / "3.tar").write_bytes(gzip.compress(first) + gzip.compress(second))
    for name in ("2.tar", "3.tar"):
        with pytest.raises(SourceError, match="data follows its end mark.* write it anew"):
            list(open_source(tmp_path / name))


def test_a_tar_that_ends_in_a_hole_says_so(tmp_path: Path, write_tar: Write) -> None:
    path = write_tar(tmp_path / "0.tar", {"a.jpg": JPEG})
    os.truncate(path, path.stat().st_size + 4096)
    with pytest.raises(SourceError, match="zero bytes follow"):
        list(open_source(path))


def test_a_gzipped_tar_with_a_wrong_checksum_says_so(tmp_path: Path, write_tar: Write) -> None:
    path = write_tar(tmp_path / "0.tgz", {"a.jpg": JPEG}, "w:gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 255
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"0\.tgz is damaged: CRC check failed"):
        list(open_source(path))


def test_a_size_that_leads_backwards_does_not_hang(tmp_path: Path, write_tar: Write) -> None:
    path = write_tar(tmp_path / "0.tar", {"a.jpg": JPEG, "b.jpg": JPEG})
    content = bytearray(path.read_bytes())
    header = tarfile.TarInfo("b.jpg")
    raw = bytearray(header.tobuf())
    raw[124:136] = b"\xff" * 10 + b"\xf8\x00"  # base 256, minus 2048
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    content[1536 : 1536 + 512] = raw
    path.write_bytes(content)
    with pytest.raises(SourceError, match="is damaged"):
        list(open_source(path))
