"""Arrays and names in a pickle, read without running it.

A pickle is a program: instructions that push values on a stack, and some that call things by name.
The standard library only takes it apart here (`pickletools.genops`), and the machine below follows
those instructions that arrays, lists, dicts, text and whole numbers are made of. It looks nothing up
and calls nothing: where numpy's functions for arrays are named, it takes a note (`pickle_notes`).
Anything else ends the reading. ``pickle.Unpickler`` with its own ``find_class`` would not do: it
hashes keys however deep they are nested, sets attributes on whatever is on the stack, and takes
registered extensions from a cache.
"""

from __future__ import annotations

import mmap
import os
import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from pytest_replication.errors import SourceError
from pytest_replication.index.importers.pickle_notes import Array, Dtype, Name, Refused, known, noted

_MAX_STEPS = 50_000_000
_WITHOUT_SIZE = 8 << 30
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1")
_TEXTS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_PUSHED = frozenset((*_NUMBERS, *_TEXTS, *_BYTES))
_FLOATS = ("FLOAT", "BINFLOAT")
_OLD_TEXTS = ("BINSTRING", "SHORT_BINSTRING")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS, _GETS = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")
_NOTHING = ("PROTO", "FRAME", "STOP")
_DAMAGED = (ValueError, LookupError, TypeError, OverflowError, AssertionError, struct.error, EOFError)


@dataclass(frozen=True, slots=True)
class Use:
    """What a pickle is read for.

    Attributes:
        holds: what is expected in it, for messages.
        instead: how else to save it, for messages.
        numbers: whether it may hold numbers that are not whole, and text as Python 2 wrote it, in ASCII.
    """

    holds: str
    instead: str
    numbers: bool = False


EMBEDDINGS = Use("embeddings", "save the vectors with np.save and the names as a .txt list")


def read_pickle(path: Path, use: Use = EMBEDDINGS) -> Any:
    """Read the one value of a pickle.

    Returns:
        Text, bytes, whole numbers, lists, tuples, dicts with text as keys, and `Array`; numbers
        that are not whole if they are expected.

    Raises:
        SourceError: the file is damaged, too large, or holds anything else.
    """
    try:
        size = path.stat().st_size
        if size > _memory() // 2:
            raise SourceError(f"{path} has {size:,} bytes, more than half of the memory: {use.instead}")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            value = _Machine(size, use.numbers).run(cast(IO[bytes], data))
            if data.tell() != size:
                raise ValueError(f"{size - data.tell()} bytes follow its end")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
    except Refused as refused:
        raise SourceError(
            f"{path} is refused, for its pickle holds {refused}, which {use.holds} do not need; nothing in "
            f"it was run: {use.instead}"
        ) from None
    except MemoryError as error:
        raise SourceError(f"{path} needs more memory than there is: {use.instead}") from error
    except _DAMAGED as error:
        raise SourceError(f"{path} is no whole pickle ({error}): copy or write it again") from error
    return value


def _memory() -> int:
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return _WITHOUT_SIZE


def _is_number_or_old_text(name: str, argument: Any) -> bool:
    return name in _FLOATS or (name in _OLD_TEXTS and argument.isascii())


class _Machine:
    """Follows the instructions of one pickle.

    Args:
        budget: bytes that calls may copy. Each byte of an honest file is copied once; a small file
            that calls for the same large text again and again would fill the memory.
        numbers: see `Use`.
    """

    def __init__(self, budget: int, numbers: bool = False) -> None:
        self._budget = budget
        self._numbers = numbers
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._others: dict[str, Callable[[], None]] = {
            "MARK": self._mark,
            "MEMOIZE": lambda: self._remember(len(self._memo)),
            "EMPTY_LIST": lambda: self._push([]),
            "EMPTY_DICT": lambda: self._push({}),
            "LIST": lambda: self._push(self._since_mark()),
            "TUPLE": lambda: self._push(tuple(self._since_mark())),
            "DICT": lambda: self._store(self._since_mark(), new=True),
            "APPEND": lambda: self._extend(self._take(1)),
            "APPENDS": lambda: self._extend(self._since_mark()),
            "SETITEM": lambda: self._store(self._take(2)),
            "SETITEMS": lambda: self._store(self._since_mark()),
            "STACK_GLOBAL": lambda: self._look_up(*self._take(2)),
            "REDUCE": lambda: self._call(*self._take(2)),
            "BUILD": lambda: self._complete(*self._take(1)),
        }

    def run(self, data: IO[bytes]) -> Any:
        """Follow all instructions and give the value that is left."""
        for step, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if step >= _MAX_STEPS:
                raise Refused(f"more than {_MAX_STEPS:,} instructions")
            self._follow(opcode.name, argument)
        (value,) = self._stack
        return value

    def _follow(self, name: str, argument: Any) -> None:
        if name in _PUSHED or (self._numbers and _is_number_or_old_text(name, argument)):
            self._push(argument)
        elif name in _CONSTANTS:
            self._push(_CONSTANTS[name])
        elif name in _TUPLES:
            self._push(tuple(self._take(_TUPLES[name])))
        elif name in _PUTS:
            self._remember(argument)
        elif name in _GETS:
            self._push(self._memo[argument])
        elif name == "GLOBAL":
            self._look_up(*argument.split(" ", 1))
        elif name in self._others:
            self._others[name]()
        elif name not in _NOTHING:
            raise Refused(f"the instruction {name}")

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _take(self, count: int) -> list[Any]:
        """Pop some values, in the order in which they were pushed."""
        first = len(self._stack) - count
        if first < 0:
            raise ValueError("a value is missing")
        taken = self._stack[first:]
        del self._stack[first:]
        return taken

    def _mark(self) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        taken, self._stack = self._stack, self._outer.pop()
        return taken

    def _remember(self, number: int) -> None:
        self._memo[number] = self._stack[-1]

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise Refused("values that are appended to something else than a list")
        target.extend(values)

    def _store(self, pairs: list[Any], new: bool = False) -> None:
        if new:
            self._push({})
        target = self._stack[-1]
        if type(target) is not dict or any(type(key) is not str for key in pairs[::2]):
            raise Refused("a dict with other keys than text")
        target.update(zip(pairs[::2], pairs[1::2], strict=True))

    def _look_up(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise Refused("a name that is no text")
        self._push(known(module, name))

    def _call(self, name: Any, arguments: Any) -> None:
        if type(name) is not Name or type(arguments) is not tuple:
            raise Refused("a call of something that it made itself")
        if name.what in ("encode", "scalar"):  # the others make views
            self._budget -= sum(len(part) for part in arguments if isinstance(part, str | bytes))
            if self._budget < 0:
                raise Refused("calls that copy more bytes than it has")
        self._push(noted(name, arguments))

    def _complete(self, state: Any) -> None:
        target = self._stack[-1]
        if type(target) not in (Array, Dtype) or type(state) is not tuple:
            raise Refused("an object with attributes")
        target.complete(state)
