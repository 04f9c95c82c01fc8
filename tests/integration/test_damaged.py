"""Damaged and hostile inputs through the command line: each is listed with its reason, and nothing hangs."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pytest_replication import cli, open_index
from pytest_replication.errors import IndexUnavailable

Answer = tuple[int, str, str]
Build = Callable[..., Answer]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs alarms, pipes and devices")
TIMEOUT = 60


def bomb(side: int) -> bytes:
    """A valid black PNG, 1 bit a pixel: 0.5 MB for 60,000 x 60,000, which take 3.6 GB when decoded."""
    row = 1 + (side + 7) // 8
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    rows = [packer.compress(bytes(row)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)][1]
    adler = (row * side % 65521) << 16 | 1  # of zeros
    stream = b"\x78\xda" + rows * side + b"\x03\x00" + struct.pack(">I", adler)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", stream), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


BOMB = bomb(60_000)
BOMB_REASON = "more than 89,478,485 pixels"


def test_the_bomb_is_a_real_image() -> None:
    with Image.open(io.BytesIO(bomb(300))) as image:
        image.load()
        assert (image.size, image.getextrema()) == ((300, 300), (0, 0))
    # The same file but for the number of rows and the checksums that follow from it.
    stream = zlib.decompressobj()
    rows = stream.decompress(BOMB[BOMB.index(b"IDAT") + 4 : -24], 10**6)
    assert rows == bytes(10**6)
    assert len(BOMB) < 3e6


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    """End a test that takes too long, with the place where it was."""

    def late(*args: object) -> None:
        raise TimeoutError(f"no answer after {TIMEOUT} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(TIMEOUT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Build:
    """Run `build` in this process, into the folder ``index``."""

    def run(source: object, *args: str) -> Answer:
        arguments = ["build", str(source), "--out", str(tmp_path / "index"), "--embedder", "pixels", *args]
        return cli.main(arguments), *capsys.readouterr()

    return run


@pytest.fixture
def rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], dict[str, str]]:
    """Reasons by id, as `info` lists them."""

    def read() -> dict[str, str]:
        assert cli.main(["info", str(tmp_path / "index"), "--rejected", "--json"]) == 0
        return {row["id"]: row["reason"] for row in json.loads(capsys.readouterr().out)}

    return read


def good(pictures: Path, number: int = 0) -> bytes:
    return (pictures / f"{number:02d}.png").read_bytes()


def tar(path: Path, members: list[tuple[str, bytes | str]], mode: str = "w") -> Path:
    """Write a tar; a text as content makes a link to it."""
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname, content = tarfile.SYMTYPE, content, b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def parquet(path: Path, contents: list[bytes | None]) -> Path:
    rows = [{"bytes": content, "path": None} for content in contents]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(rows, kind)}), path, write_page_checksum=True)
    return path


def cut_jpeg(folder: Path) -> None:
    made = io.BytesIO()
    Image.effect_noise((200, 200), 80).save(made, "JPEG")
    (folder / "bad.jpg").write_bytes(made.getvalue()[: len(made.getvalue()) // 2])


def empty_file(folder: Path) -> None:
    (folder / "bad.jpg").touch()


def png_bomb(folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(BOMB)


def huge_file(folder: Path) -> None:
    (folder / "bad.jpg").touch()
    os.truncate(folder / "bad.jpg", 1 << 40)  # takes no room on disk


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "bad.jpg")


def endless_device(folder: Path) -> None:
    (folder / "bad.jpg").symlink_to("/dev/zero")


def dangling_link(folder: Path) -> None:
    (folder / "bad.jpg").symlink_to("nowhere.jpg")


def web_page(folder: Path) -> None:
    (folder / "bad.jpg").write_text("<html>404</html>")


IN_A_FOLDER = {
    cut_jpeg: "damaged: image file is truncated",
    empty_file: "the file is empty",
    png_bomb: BOMB_REASON,
    huge_file: "cannot be read: 1,099,511,627,776 bytes are more than 1,073,741,824",
    pipe: "cannot be read: not a regular file",
    endless_device: "cannot be read: not a regular file",
    dangling_link: "cannot be read: No such file or directory",
    web_page: "not an image in a format that is read",
}


@pytest.mark.parametrize("make", IN_A_FOLDER, ids=lambda make: make.__name__)
def test_a_damaged_file_in_a_folder(
    pictures: Path, build: Build, rejected: Callable[[], dict[str, str]], make: Callable[[Path], None]
) -> None:
    make(pictures)
    status, _, error = build(pictures)
    assert status == 3
    assert "1 of 13 training images cannot be read, and 0 may be left out" in error
    assert f"{pictures / 'bad.jpg'}: {IN_A_FOLDER[make]}" in error
    status, shown, _ = build(pictures, "--max-rejected", "1")
    assert status == 0
    assert f"{pictures / 'bad.jpg'}: {IN_A_FOLDER[make]}" in shown
    ((name, reason),) = rejected().items()
    assert (name, reason.startswith(IN_A_FOLDER[make])) == ("bad.jpg", True)


@pytest.mark.parametrize("make", [png_bomb, huge_file, pipe, endless_device], ids=lambda make: make.__name__)
def test_a_damaged_sample_is_an_error(
    pictures: Path, built_pixels: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], None]
) -> None:
    make(pictures)
    assert cli.main(["check", str(built_pixels), str(pictures), "--threshold", "0.9"]) == 3
    reason = IN_A_FOLDER[make].removeprefix("cannot be read: ")
    assert f"bad.jpg cannot be read: {reason}" in capsys.readouterr().err


def test_half_of_a_folder_unreadable(
    pictures: Path, tmp_path: Path, build: Build, rejected: Callable[[], dict[str, str]]
) -> None:
    bad = sorted(pictures.iterdir())[::2]
    for path in bad:
        os.truncate(path, path.stat().st_size // 2)
    status, _, error = build(pictures)
    assert (status, "6 of 12 training images cannot be read, and 0 may be left out" in error) == (3, True)
    assert all(f"\n  {path}: damaged" in error for path in bad)
    status, _, error = build(pictures, "--max-rejected", "49%")
    assert (status, "6 of 12 training images cannot be read, and 5 may be left out" in error) == (3, True)
    status, shown, _ = build(pictures, "--max-rejected", "50%")
    assert status == 0
    assert f"{tmp_path / 'index'}: 6 training images" in shown
    assert all(f"\n    {path}: damaged" in shown for path in bad)
    assert list(rejected()) == [path.name for path in bad]
    assert open_index(tmp_path / "index").manifest.rejected == 6


def test_info_says_of_every_damaged_file_why(
    pictures: Path, tmp_path: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    for make in (cut_jpeg, empty_file, png_bomb, web_page):
        make(pictures)
        (pictures / "bad.jpg").rename(pictures / f"{make.__name__}.jpg")
    assert build(pictures, "--max-rejected", "4")[0] == 0
    assert cli.main(["info", str(tmp_path / "index"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["rejected"]
    assert found["count"] == 4
    assert {row["id"].removesuffix(".jpg"): row["reason"].partition(" (")[0] for row in found["first"]} == {
        make.__name__: IN_A_FOLDER[make] for make in (cut_jpeg, empty_file, png_bomb, web_page)
    }


def test_an_empty_tar_beside_a_full_one(
    pictures: Path, tmp_path: Path, build: Build, rejected: Callable[[], dict[str, str]]
) -> None:
    tar(tmp_path / "0.tar", [("a.png", good(pictures))])
    tar(tmp_path / "1.tar", [])
    source = f"webdataset:{tmp_path}/{{0..1}}.tar"
    status, _, error = build(source)
    assert (status, f"{tmp_path / '1.tar'}: the tar holds no images" in error) == (3, True)
    assert build(source, "--max-rejected", "1")[0] == 0
    assert rejected() == {"1.tar": "the tar holds no images"}
    (tmp_path / "1.tar").write_bytes(b"")
    status, _, error = build(source, "--overwrite")
    assert status == 3
    assert f"{tmp_path / '1.tar'} is not a tar, plain or gzipped" in error


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_was_cut_off_is_an_error_and_no_gap_to_accept(
    pictures: Path, tmp_path: Path, build: Build, mode: str
) -> None:
    source = tar(tmp_path / "0.tar", [(f"{i}.png", good(pictures, i)) for i in range(12)], mode)
    os.truncate(source, source.stat().st_size // 2)
    status, _, error = build(source, "--max-rejected", "90%")
    assert (status, f"error: {source} " in error, "fetch it again" in error) == (3, True, True)
    with pytest.raises(IndexUnavailable):
        open_index(tmp_path / "index")


def test_a_tar_alone_that_is_empty_makes_no_index(tmp_path: Path, build: Build) -> None:
    source = tar(tmp_path / "0.tar", [])
    assert build(source)[0] == 3
    status, _, error = build(source, "--max-rejected", "1")
    assert (status, "is empty: an index of nothing would pass any model" in error) == (3, True)


def test_names_and_links_of_a_tar_lead_nowhere(
    pictures: Path, tmp_path: Path, build: Build, rejected: Callable[[], dict[str, str]]
) -> None:
    folder = tmp_path / "tars" / "inside"
    folder.mkdir(parents=True)
    victim = tmp_path / "tars" / "victim.png"
    victim.write_bytes(b"mine")
    source = tar(
        folder / "0.tar",
        [
            ("../victim.png", good(pictures, 0)),
            (str(victim), good(pictures, 1)),
            ("link.png", str(pictures / "02.png")),
            ("../../up.png", "../victim.png"),
            ("plain.png", good(pictures, 3)),
        ],
    )
    before = sorted(tmp_path.rglob("*"))
    status, _, error = build(source)
    assert (status, "2 of 5 training images cannot be read" in error) == (3, True)
    assert build(source, "--max-rejected", "2")[0] == 0
    assert rejected() == {
        "0.tar/link.png": f"a link to {pictures / '02.png'}, not an image: write the tar with its content",
        "0.tar/../../up.png": "a link to ../victim.png, not an image: write the tar with its content",
    }
    index = tmp_path / "index"
    ids = [record.id for record in open_index(index).records(range(3)).values()]
    assert ids == ["0.tar/../victim.png", f"0.tar/{victim}", "0.tar/plain.png"]
    assert victim.read_bytes() == b"mine"
    assert [path for path in sorted(tmp_path.rglob("*")) if not path.is_relative_to(index)] == before


def test_a_member_that_unpacks_without_end_is_not_read(
    pictures: Path, tmp_path: Path, build: Build, rejected: Callable[[], dict[str, str]]
) -> None:
    path = tmp_path / "0.tar"
    size = (1 << 30) + 512
    with path.open("wb") as file:
        for name, content in (("a.png", good(pictures)), ("b.jpg", None)):
            info = tarfile.TarInfo(name)
            info.size = size if content is None else len(content)
            file.write(info.tobuf())
            if content is not None:
                file.write(content + bytes(-len(content) % 512))
            else:
                file.seek(size, os.SEEK_CUR)  # takes no room on disk
        file.write(bytes(1024))
    assert build(path, "--max-rejected", "1")[0] == 0
    assert rejected() == {"0.tar/b.jpg": "1,073,742,336 bytes are more than 1,073,741,824"}


def test_rows_of_a_parquet_file_without_bytes(
    pictures: Path, tmp_path: Path, build: Build, rejected: Callable[[], dict[str, str]]
) -> None:
    source = parquet(tmp_path / "set.parquet", [good(pictures, 0), None, b"", good(pictures, 1)[:-30]])
    status, _, error = build(source)
    assert (status, "3 of 4 training images cannot be read" in error) == (3, True)
    assert build(source, "--max-rejected", "3")[0] == 0
    found = rejected()
    assert found["set.parquet#1"] == found["set.parquet#2"] == "the row holds no image bytes"
    assert found["set.parquet#3"].startswith("damaged: ")


@pytest.mark.parametrize("keep", [0.3, 0.95])
def test_a_parquet_file_that_lacks_its_end_is_an_error(
    pictures: Path, tmp_path: Path, build: Build, keep: float
) -> None:
    source = parquet(tmp_path / "set.parquet", [good(pictures, number) for number in range(12)])
    os.truncate(source, int(source.stat().st_size * keep))
    status, _, error = build(source, "--max-rejected", "90%")
    assert status == 3
    assert f"{source} cannot be read as parquet" in error
    assert not (tmp_path / "index" / "manifest.json").exists()


def test_a_parquet_file_with_a_hole_is_an_error(pictures: Path, tmp_path: Path, build: Build) -> None:
    source = parquet(tmp_path / "set.parquet", [good(pictures, number) for number in range(12)])
    content = bytearray(source.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    source.write_bytes(content)
    status, _, error = build(source, "--max-rejected", "90%")
    assert status == 3
    assert f"{source} is damaged" in error


def measured(*builds: tuple[Path, Path]) -> list[tuple[Answer, int]]:
    """Build in a process of its own: the answers, and the most memory that it held up to each, in bytes."""
    code = (
        "import re, sys; from pytest_replication import cli\n"
        "for source, out in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    more = ['--embedder', 'pixels', '--max-rejected', '1']\n"
        "    status = cli.main(['build', source, '--out', out, *more])\n"
        "    held = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())\n"
        "    print('HELD', status, held.group(1))\n"
    )
    command = [sys.executable, "-c", code, *(str(path) for pair in builds for path in pair)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    answers, shown = [], ""
    for line in done.stdout.splitlines():
        if line.startswith("HELD "):
            status, held = map(int, line.split()[1:])
            answers.append(((status, shown, done.stderr), held * 1024))
            shown = ""
        else:
            shown += f"{line}\n"
    return answers


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("kind", ["folder", "tar", "tar.gz", "parquet"])
def test_a_bomb_takes_no_memory(pictures: Path, tmp_path: Path, kind: str) -> None:
    def source(name: str, *more: bytes) -> Path:
        contents = [good(pictures, number) for number in range(12)] + list(more)
        path = tmp_path / f"{name}.{kind}"
        if kind == "parquet":
            return parquet(path, list(contents))
        members = [(f"{number:02d}.png", content) for number, content in enumerate(contents)]
        if kind == "folder":
            path.mkdir()
            for file, content in members:
                (path / file).write_bytes(content)
            return path
        return tar(path, list(members), "w:gz" if kind.endswith("gz") else "w")

    built = measured((source("plain"), tmp_path / "plain"), (source("bomb", BOMB), tmp_path / "index"))
    ((status, _, error), plain), ((again, shown, _), with_bomb) = built
    assert (status, again) == (0, 0), error
    assert "12 training images from" in shown
    assert BOMB_REASON in shown
    assert with_bomb - plain < 100e6
