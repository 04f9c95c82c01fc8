from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_replication.errors import BuildError
from pytest_replication.images.sources import FileSlice, ImageRef
from pytest_replication.index.handover import Handover, Parcel


def ref(number: int, content: bytes | Path | FileSlice) -> ImageRef:
    return ImageRef(
        f"{number}", f"u{number}", content, "v", "caption", "label", "fault" if content == b"" else None
    )


def through_a_pipe(parcel: Parcel) -> Parcel:
    return pickle.loads(pickle.dumps(parcel))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=st.lists(st.binary(max_size=40), max_size=9), others=st.booleans())
def test_images_arrive_as_they_were(contents: list[bytes], others: bool, tmp_path: Path) -> None:
    refs = [ref(number, content) for number, content in enumerate(contents)]
    if others:
        refs[1:1] = [ref(100, Path("/a.png")), ref(101, FileSlice(Path("/a.tar"), 512, 7))]
    handover = Handover(tmp_path)
    parcels = [handover.pack(iter(refs)) for _ in range(2)]
    assert [list(through_a_pipe(parcel).open()) for parcel in parcels] == [refs, refs]
    assert [len(parcel) for parcel in parcels] == [len(refs)] * 2
    parcels[0].drop()
    assert list(parcels[1].open()) == refs
    handover.close()
    assert not (tmp_path / "shards" / ".handed").exists()


def test_bytes_stay_on_disk(tmp_path: Path) -> None:
    parcel = Handover(tmp_path).pack(ref(number, bytes(100_000)) for number in range(20))
    assert len(pickle.dumps(parcel)) < 5000
    assert parcel.path.stat().st_size == 2_000_000
    opened = parcel.open()
    assert next(opened).content == bytes(100_000)
    opened.close()  # type: ignore[attr-defined]


def test_tokens_come_back_as_they_were(tmp_path: Path) -> None:
    parcel = Handover(tmp_path).pack([ref(0, b"abc"), ref(1, Path("/a.png"))])
    tokens = np.arange(24, dtype=np.float16).reshape(2, 3, 4)
    through_a_pipe(parcel).leave("tokens", tokens)
    found = parcel.take("tokens")
    assert (found.dtype, found.tolist()) == (tokens.dtype, tokens.tolist())
    assert [image.content for image in parcel.open()] == [b"abc", Path("/a.png")]
    (file,) = (path for path in parcel.path.parent.iterdir() if path != parcel.path)
    for rest in (file.read_bytes()[:-2], b""):
        file.write_bytes(rest)
        with pytest.raises(
            BuildError, match=r"000000-tokens.npy cannot be read .*goes on after the last finished"
        ):
            parcel.take("tokens")
    parcel.drop()
    assert list(parcel.path.parent.iterdir()) == []
    with pytest.raises(BuildError, match="cannot be read"):
        parcel.take("tokens")


def test_tokens_that_cannot_be_written_end_the_build(tmp_path: Path) -> None:
    parcel = Handover(tmp_path).pack([ref(0, Path("/a.png"))])
    (tmp_path / "shards").write_text("a file")
    with pytest.raises(BuildError, match=r"000000-tokens.npy cannot be written .*see that the disk has room"):
        parcel.leave("tokens", np.zeros((1, 3, 4), np.float16))


def test_files_need_no_parcel_on_disk(tmp_path: Path) -> None:
    parcel = Handover(tmp_path).pack([ref(0, Path("/a.png")), ref(1, b"")])
    assert not (tmp_path / "shards").exists()
    parcel.drop()


def test_bytes_that_are_gone_are_an_error_and_no_rejected_image(tmp_path: Path) -> None:
    parcel = Handover(tmp_path).pack([ref(0, b"abc"), ref(1, b"def")])
    parcel.path.write_bytes(b"abcd")
    opened = parcel.open()
    assert next(opened).read() == b"abc"
    with pytest.raises(BuildError, match="000000 was cut off: .*give the same command again"):
        next(opened)
    parcel.drop()
    with pytest.raises(BuildError, match="000000 cannot be read .*No such file"):
        list(parcel.open())


def test_a_disk_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "shards").write_bytes(b"")
    with pytest.raises(BuildError, match="cannot be written"):
        Handover(tmp_path).pack([ref(0, b"abc")])


def test_an_error_of_the_source_is_its_own(tmp_path: Path) -> None:
    def refs() -> Iterator[ImageRef]:
        yield ref(0, b"abc")
        raise OSError("of the source")

    with pytest.raises(OSError, match="of the source"):
        Handover(tmp_path).pack(refs())
