"""Tokens: an image as chunks of numbers, (images, chunks, length), and how they are normalised."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SearchError, SettingsError

Norm = Literal["chunk", "concat"]
"""What is of unit length: every chunk, or all chunks of an image laid end to end."""
NORMS: tuple[Norm, ...] = get_args(Norm)

Tokens = NDArray[Any]
Wide = NDArray[np.float32]

_SHIFT = 13
_KEPT = np.int32(0x8FFFE000 - (1 << 32))
_BIAS = np.float32(2.0**112)
"""float16 and float32 differ by 13 bits of mantissa and by 112 in the bias of the exponent."""
_ENDLESS, _MINUS_ENDLESS = 0x7C00, 0xFC00
"""Bits of the first float16 that is not finite, of either sign."""


def check_tokens(tokens: Tokens, what: str) -> None:
    """Refuse what has not the shape of tokens.

    Raises:
        SearchError: another shape than (images, 1 or more chunks, 1 or more numbers), or no floats.
    """
    if tokens.ndim != 3 or 0 in tokens.shape[1:] or tokens.dtype.kind != "f":
        raise SearchError(
            f"{what} are {tokens.dtype} of shape {tokens.shape}, expected floats of (images, chunks, length)"
        )


def check_norm(norm: str) -> None:
    """Refuse an unknown name.

    Raises:
        SettingsError: so it is.
    """
    if norm not in NORMS:
        raise SettingsError(f"there is no norm {norm!r}: give {' or '.join(NORMS)}")


def slices(vectors: NDArray[Any], chunks: int) -> Tokens:
    """Cut vectors into equal slices, as tokens of images that have none.

    Args:
        vectors: (n, dim).
        chunks: slices a vector; divides dim.

    Returns:
        (n, chunks, dim / chunks), a view where that is possible.

    Raises:
        SettingsError: the slices would not be equal.
    """
    if vectors.ndim != 2 or chunks < 1 or vectors.shape[1] % chunks or not vectors.shape[1]:
        raise SettingsError(
            f"vectors of shape {vectors.shape} cannot be cut into {chunks} equal slices: give a number that "
            "divides their length"
        )
    return vectors.reshape(len(vectors), chunks, vectors.shape[1] // chunks)


def widen(tokens: Tokens, norm: Norm, out: Wide) -> None:
    """Write tokens as float32 whose squares neither overflow nor vanish.

    Numbers of more than 16 bits are divided by the largest of what is to be of unit length.

    Args:
        tokens: (n, chunks, length).
        norm: what is to be of unit length.
        out: of the same shape, contiguous.

    Raises:
        SearchError: a token is not finite.
    """
    if tokens.dtype == np.float16:
        _widen_half(tokens, out)
        return
    largest = np.abs(tokens).max(axis=2 if norm == "chunk" else (1, 2), keepdims=True, initial=0)
    if not np.isfinite(largest).all():  # NaN passes through max
        raise SearchError(_NOT_FINITE)
    np.divide(tokens, np.where(largest > 0, largest, 1), out=out, casting="same_kind")


def inverse_lengths(wide: Wide, norm: Norm) -> Wide:
    """(n, chunks) by what each chunk is multiplied; 0 for what has no length."""
    squares = np.matmul(wide[:, :, None, :], wide[:, :, :, None])[:, :, 0, 0]
    if norm == "concat":
        squares = np.broadcast_to(squares.sum(axis=1, keepdims=True), squares.shape)
    lengths = np.sqrt(squares)
    inverse: Wide = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return inverse


def unit(tokens: Tokens, norm: Norm) -> Wide:
    """Normalise tokens: float32 of the same shape; what is zero stays zero.

    Raises:
        SearchError: a token is not finite.
    """
    wide = np.empty(tokens.shape, np.float32)
    widen(tokens, norm, wide)
    wide *= inverse_lengths(wide, norm)[:, :, None]
    return wide


_NOT_FINITE = "a token is not finite: the embedder is broken, or its tokens are damaged in storage"


def _widen_half(tokens: NDArray[np.float16], out: Wide) -> None:
    """float16 → float32 by moving bits, since a cast by numpy takes five times as long."""
    largest = tokens.view(np.int16).max(initial=0), tokens.view(np.uint16).max(initial=0)
    if largest[0] >= _ENDLESS or largest[1] >= _MINUS_ENDLESS:
        raise SearchError(_NOT_FINITE)
    bits = out.view(np.int32)
    np.copyto(bits, tokens.view(np.int16))  # the sign goes along into the upper bits
    np.left_shift(bits, _SHIFT, out=bits)
    np.bitwise_and(bits, _KEPT, out=bits)
    np.multiply(out, _BIAS, out=out)
