from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_replication.errors import SourceError
from pytest_replication.index.importers import pickles
from pytest_replication.index.importers.pickle_notes import Array
from pytest_replication.index.importers.pickles import Use, read_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntC\x01btR"
DTYPE = b"cnumpy\ndtype\n(V%s\nI00\nI01\ntR(I3\nV%s\nNNNI-1\nI-1\nI0\ntb"
F4 = DTYPE % (b"f4", b"<")


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Any]:
    def one(content: bytes) -> Any:
        (tmp_path / "e.pkl").write_bytes(content)
        return read_pickle(tmp_path / "e.pkl")

    return one


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", "<i8", "|u1", "<U7", "|S3"])
@pytest.mark.parametrize("shape", [(4,), (2, 3), (0, 3)])
def test_arrays_come_back(read: Callable, protocol: int, dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(1, 1 + int(np.prod(shape))).reshape(shape).astype(dtype)
    found = read(pickle.dumps(array, protocol))
    assert type(found) is Array
    assert found.values is not None
    assert found.values.dtype == array.dtype
    assert np.array_equal(found.values, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numbers_come_back_where_they_are_expected(tmp_path: Path, protocol: int) -> None:
    value = {"bbx": [136.5, 34.1, -1e300, 0.0], "easy": [1, 2], "junk": []}
    (tmp_path / "e.pkl").write_bytes(pickle.dumps(value, protocol))
    assert read_pickle(tmp_path / "e.pkl", Use("truths", "", numbers=True)) == value
    with pytest.raises(SourceError, match="FLOAT, which truths do not need; .* was run: use another"):
        read_pickle(tmp_path / "e.pkl", Use("truths", "use another"))


def test_text_of_python_2_comes_back_where_it_is_expected(read: Callable, tmp_path: Path) -> None:
    content = b"\x80\x02](U\x03oneT\x03\x00\x00\x00twoe."
    with pytest.raises(SourceError, match="the instruction SHORT_BINSTRING"):
        read(content)
    use = Use("truths", "", numbers=True)
    assert read_pickle(tmp_path / "e.pkl", use) == ["one", "two"]
    (tmp_path / "e.pkl").write_bytes(content.replace(b"one", b"on\xe9"))
    with pytest.raises(SourceError, match="the instruction SHORT_BINSTRING"):
        read_pickle(tmp_path / "e.pkl", use)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_in_other_orders_come_back(read: Callable, protocol: int) -> None:
    array = np.arange(12.0).reshape(3, 4)
    for view in (array.T, np.asfortranarray(array), array[:, ::2], array[::-1]):
        assert np.array_equal(read(pickle.dumps(view, protocol)).values, view)
    large = np.random.default_rng(0).standard_normal((300, 257)).astype(np.float32)
    large.setflags(write=False)
    assert np.array_equal(read(pickle.dumps(large, protocol)).values, large)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_containers_and_scalars_come_back(read: Callable, protocol: int) -> None:
    value = {
        "a": [1, -2, 300, 70000, 2**40, True, False, None, "é\n\\u", "x" * 300, "\udce9"],
        "b": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], {}, {"c": ["same"]}),
        "many": [str(number) for number in range(3000)],
    }
    assert read(pickle.dumps(value, protocol)) == value
    scalars = [np.str_("b"), np.int64(5), np.bytes_(b"c"), b"bytes", b"\xff" * 300]
    assert read(pickle.dumps(scalars, protocol)) == ["b", 5, b"c", b"bytes", b"\xff" * 300]


def test_old_names_of_numpy_are_read(read: Callable) -> None:
    for array in (np.ones((2, 2)), np.ones((2, 4))[:, ::2]):
        content = pickle.dumps(array, 2).replace(b"numpy._core", b"numpy.core")
        assert b"numpy.core" in content
        assert np.array_equal(read(content).values, array)
    buffer = b"\x80\x03cnumpy.core.numeric\n_frombuffer\n(C\x08" + bytes(8) + F4 + b"(I1\nI2\ntVC\ntR."
    for content in (buffer, buffer.replace(b"numpy.core", b"numpy._core")):
        assert np.array_equal(read(content).values, np.zeros((1, 2)))


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class Plain:
    pass


def ran(*_: object) -> None:
    raise AssertionError("code of a pickle was run")


def registered() -> None:
    pass


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Calls(__import__("os").system, "touch x"), "(posix|nt).system"),
        (Calls(eval, "1"), "(builtins|__builtin__).eval"),
        (Calls(getattr, "x", "join"), "(builtins|__builtin__).getattr"),
        (Calls(np.load, "x.npy"), "numpy.load"),
        (np.load, "numpy.load"),
        ({"features": [Calls(ran)]}, "ran"),
        (bytearray(b"x" * 9), "bytearray"),
        ({1, 2}, "set|EMPTY_SET"),
        (frozenset({1}), "frozenset|FROZENSET"),
        (1.5, "FLOAT"),
        (Plain(), "Plain|_reconstructor"),
        (np.array([{}], dtype=object), "values are not plain bytes"),
        (np.array([(1, 2)], dtype=[("a", "i4"), ("b", "i4")]), "array of records"),
        (np.array(["2020"], dtype="M8[D]"), "array of (type|records)"),
        (np.array([1j]), "type '<c16'"),
        (np.ones((1, 2, 3)), "more than two dimensions"),
        (np.ma.masked_array([1]), "numpy.ma.core._mareconstruct|numpy.ma"),
        ({1: 2}, "other keys than text"),
        ({(((((1,),),),),): 2}, "other keys than text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_else_is_refused(read: Callable, protocol: int, value: Any, message: str) -> None:
    if isinstance(value, bytearray) and protocol == 5:
        assert read(pickle.dumps(value, protocol)) == value
        return
    with pytest.raises(SourceError, match=rf"e.pkl is refused, for its pickle holds .*({message})"):
        read(pickle.dumps(value, protocol))


def built(
    shape: bytes, dtype: bytes = F4, data: bytes = b"C\x08" + bytes(8), version: bytes = b"I1\n"
) -> bytes:
    return b"\x80\x03" + ARRAY + b"(" + version + shape + dtype + b"I00\n" + data + b"tb."


def test_an_array_by_hand_comes_back(read: Callable) -> None:
    assert np.array_equal(read(built(b"(I1\nI2\nt")).values, np.zeros((1, 2), "<f4"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (built(b"(I1\nI3\nt"), r"shape \(1, 3\) and type <f4 in 8 bytes"),
        (built(b"(L9999999999999999999999L\nI0\nt"), "in 8 bytes"),
        (built(b"(I4611686018427387904\nI4\nt"), "in 8 bytes"),
        (built(b"(I-1\nI-2\nt"), "a shape that is none"),
        (built(b"(I01\nI2\nt"), "a shape that is none"),
        (built(b"(VX\nI2\nt"), "a shape that is none"),
        (built(b"I2\n"), "a shape that is none"),
        (built(b"(I1\nI2\nt", data=b"(lI0\na"), "values are not plain bytes"),
        (built(b"(I1\nI2\nt", data=b"VAAAAAAAA\n"), "values are not plain bytes"),
        (built(b"(I1\nI2\nt", version=b"I2\n"), "saved in another format"),
        (built(b"(I1\nI2\nt", dtype=b"Vf4\n"), "values are not plain bytes"),
        (built(b"(I1\nI2\nt", dtype=DTYPE % (b"O8", b"|")), "type '|O8'"),
        (built(b"(I1\nI2\nt", dtype=DTYPE % (b"f4", b"=")), "type '=f4'"),
        (built(b"(I1\nI2\nt", dtype=DTYPE % (b"f4,f4", b"<")), "type '<f4,f4'"),
        (built(b"(I1\nI2\nt", dtype=DTYPE % (b"U0", b"<")), "type '<U0'"),
        (built(b"(I1\nI2\nt", dtype=F4.replace(b"NNN", b"N(VX\ntN")), "array of records"),
        (built(b"(I1\nI2\nt", dtype=F4[:-1] + b"0"), "the instruction POP"),
        (b"\x80\x03" + F4 + b"(I3\nV>\nNNNI-1\nI-1\nI0\ntb.", "array of records or of arrays"),
        (built(b"(I1\nI2\nt")[:-1] + built(b"(I1\nI2\nt")[2 + len(ARRAY) :], "values are not plain bytes"),
        (b"\x80\x03cnumpy\ndtype\n}b.", "an object with attributes"),
        (b"\x80\x03" + ARRAY + b"}b.", "an object with attributes"),
        (b"\x80\x03(l(I1\ntb.", "an object with attributes"),
        (b"\x80\x03cnumpy\nndarray\n(I3\ntR.", "a call of ndarray with other arguments"),
        (b"\x80\x03" + F4 + b"(I3\ntR.", "a call of something that it made itself"),
        (b"\x80\x03" + ARRAY + b"(I3\ntR.", "a call of something that it made itself"),
        (
            b"\x80\x03cnumpy.core.numeric\n_frombuffer\n(C\x04" + bytes(4) + F4 + b"(I1\ntVK\ntR.",
            "in an order that is neither C nor Fortran",
        ),
        (b"\x80\x03cnumpy\ndtype\nI3\nR.", "a call of something that it made itself"),
        (b"\x80\x03cnumpy\ndtype\n(Vf4\nI01\nI01\ntR.", "a call of dtype with other arguments"),
        (b"\x80\x03c__builtin__\nbytes\n(I9\ntR.", "a call of bytes with other arguments"),
        (b"\x80\x03c_codecs\nencode\n(Va\nVrot13\ntR.", "a call of encode with other arguments"),
        (b"\x80\x03cnumpy.core.multiarray\nscalar\n(" + F4 + b"C\x08" + bytes(8) + b"tR.", "in 8 bytes"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"\x80\x04I1\nI2\n\x93.", "a name that is no text"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "the instruction NEWOBJ"),
        (b"(inumpy\nndarray\n.", "the instruction INST"),
        (b"(cnumpy\nndarray\no.", "the instruction OBJ"),
        (b"Pid\n.", "the instruction PERSID"),
        (b"Vid\nQ.", "the instruction BINPERSID"),
        (b"\x80\x05\x97.", "the instruction NEXT_BUFFER"),
        (b"S'x'\n.", "the instruction STRING"),
        (b"Va\n2.", "the instruction DUP"),
        (b"(Va\nVb\na.", "appended to something else than a list"),
    ],
)
def test_a_pickle_by_hand_that_wants_more_is_refused(read: Callable, content: bytes, message: str) -> None:
    with pytest.raises(
        SourceError, match=rf"is refused, for its pickle holds .*{message}.*nothing in it was run"
    ):
        read(content)


def test_an_extension_that_the_process_has_registered_is_refused(read: Callable) -> None:
    copyreg.add_extension(registered.__module__, "registered", 0xF1)
    try:
        with pytest.raises(SourceError, match="the instruction EXT1"):
            read(b"\x80\x02\x82\xf1.")
    finally:
        copyreg.remove_extension(registered.__module__, "registered", 0xF1)


def test_bombs_of_nesting_and_repetition_end_at_once(read: Callable) -> None:
    deep = b"\x80\x02" + b")" + b"\x85" * 200_000 + b"."
    assert type(read(deep)) is tuple
    wide = b"\x80\x02)q\x01" + b"h\x01\x86q\x01" * 60 + b"."
    assert type(read(wide)) is tuple  # a tree of 2**60 leaves, never walked
    keyed = b"\x80\x02}" + b")q\x01" + b"h\x01\x86q\x01" * 60 + b"Ns."
    with pytest.raises(SourceError, match="other keys than text"):
        read(keyed)


@pytest.mark.parametrize("call", ["encode", "scalar"])
def test_calls_that_copy_one_text_again_and_again_are_refused(read: Callable, call: str) -> None:
    if call == "encode":
        text = b"X" + (100_000).to_bytes(4, "little") + b"a" * 100_000 + b"q\x01"
        content = b"\x80\x02](" + text + b"c_codecs\nencode\nq\x02"
        content += b"h\x02h\x01X\x06\x00\x00\x00latin1\x86R" * 50 + b"e."
    else:
        text = b"B" + (80_000).to_bytes(4, "little") + b"a\0\0\0" * 20_000 + b"q\x01"
        content = b"\x80\x03](" + text + (DTYPE % (b"U20000", b"<")) + b"q\x02"
        content += b"cnumpy.core.multiarray\nscalar\nq\x03" + b"h\x03h\x02h\x01\x86R" * 50 + b"e."
    with pytest.raises(SourceError, match="calls that copy more bytes than it has"):
        read(content)


def test_too_many_instructions_are_refused(read: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    content = pickle.dumps(list(range(200)))
    assert len(read(content)) == 200
    monkeypatch.setattr(pickles, "_MAX_STEPS", 100)
    with pytest.raises(SourceError, match="more than 100 instructions"):
        read(content)


def test_a_file_that_is_too_large_for_the_memory_is_refused(
    read: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickles, "_memory", lambda: 100)
    read(pickle.dumps("x" * 20))
    with pytest.raises(SourceError, match="has 57 bytes, more than half of the memory"):
        read(pickle.dumps("x" * 42, 4))


def test_a_lack_of_memory_is_our_own_error(read: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, data: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pickles._Machine, "run", fail)
    with pytest.raises(SourceError, match="e.pkl needs more memory than there is"):
        read(b"N.")


def test_the_size_of_the_memory_is_known_or_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pickles._memory() > 1 << 20
    monkeypatch.delattr("os.sysconf", raising=False)
    assert pickles._memory() == 8 << 30


def test_a_cut_or_longer_pickle_is_refused(read: Callable) -> None:
    for protocol in PROTOCOLS:
        content = pickle.dumps({"features": np.ones((2, 3), "<f4"), "indexes": ["a", "b"]}, protocol)
        for cut in {*range(1, 20), *range(20, len(content), 7)}:
            with pytest.raises(SourceError, match=r"no whole pickle|is refused"):
                read(content[:-cut])
        for more in (b"x", content):
            with pytest.raises(SourceError, match=f"{len(more)} bytes follow its end"):
                read(content + more)


NONSENSE = [
    *[b"0.", b".", b"a.", b"e.", b"s.", b"R.", b"b.", b"t.", b"h\x05.", b"q\x05.", b"(.", b"I1\nI2\n."],
    *[
        b"\x80\x02\x94.",
        b"(d(Va\nu.",
        b"(Va\nd.",
        b"\xff.",
        b"L" + b"9" * 5000 + b"L\n.",
        b"I1",
        b"c\n.",
        b"ca\n",
    ],
    *[b"\x8e" + b"\xff" * 8 + b".", b"\x8d\x7f" + bytes(6) + b"\x7f.", b"X\x01\0\0\0\xff.", b"VA\\u8\n."],
]


@pytest.mark.parametrize("content", NONSENSE)
def test_nonsense_is_refused(read: Callable, content: bytes) -> None:
    with pytest.raises(SourceError):
        read(content)


def test_a_file_that_is_empty_or_not_there_is_refused(read: Callable, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="e.pkl is no whole pickle"):
        read(b"")
    with pytest.raises(SourceError, match="gone.pkl cannot be read: No such file"):
        read_pickle(tmp_path / "gone.pkl")


@example(b"\0", 249, 2)  # a character beyond those of Unicode
@given(st.binary(max_size=60), st.integers(0, 250), st.integers(0, 20))
def test_whatever_is_changed_nothing_but_our_own_error_comes_out(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, start: int, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pkl"
    content = pickle.dumps({"features": np.ones((2, 3), "<f4"), "indexes": ["a", np.str_("b")]}, 4)
    path.write_bytes(content[:start] + noise + content[start + length :])
    raised: Exception | None = None
    try:
        read_pickle(path)
    except Exception as error:
        raised = error
    assert raised is None or (type(raised) is SourceError and "any.pkl" in str(raised))
