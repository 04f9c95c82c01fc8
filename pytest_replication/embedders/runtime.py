"""Networks in ONNX and torch files, behind one call: prepared images → vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.embedders.base import Prepared, threads
from pytest_replication.embedders.weight_files import first_line, refuse_other_files
from pytest_replication.errors import EmbedderUnavailable


class Network(ABC):
    """A loaded network.

    Attributes:
        takes_pixels: it wants (n, height, width, 3) uint8 and normalises by itself; otherwise
            it wants normalised (n, 3, height, width) float32.
        quantised: it computes in 8 bits, so that machines differ by more than rounding.
    """

    takes_pixels: bool = False
    quantised: bool = False

    @abstractmethod
    def __call__(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch of equal shapes."""


_EIGHT_BIT = (b"uantizeLinear", b"QLinear", b"ConvInteger", b"MatMulInteger")
"""Parts of the names of ONNX operators that compute in 8 bits."""

OUTSIDE = b"\x0a\x08location\x12"
"""Where a tensor of an ONNX file begins to say in which other file its numbers are."""


class OnnxNetwork(Network):
    """An ONNX file in onnxruntime, with one image input and one output.

    Attributes:
        input_shape: of a batch as the file declares it; what it leaves open is a name or None.

    Raises:
        EmbedderUnavailable: the file is not such a network, or keeps weights in another file.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime as ort

        refuse_other_files(path, "an ONNX network")
        content = path.read_bytes()
        if OUTSIDE in content:
            raise EmbedderUnavailable(
                f"{path} keeps its weights in another file, which its sha256 does not cover: save it as one "
                "file (torch.onnx.export(…, external_data=False), or onnx.save(onnx.load(PATH), NEW))"
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1  # parallel over images instead, see __call__
        options.log_severity_level = 3
        try:
            session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no public base class
            raise EmbedderUnavailable(
                f"{path} cannot be loaded as ONNX ({first_line(error)}): it is damaged, or no ONNX file; "
                "fetch or export it again"
            ) from error
        inputs, outputs = session.get_inputs(), session.get_outputs()
        layout = (inputs[0].type, len(inputs[0].shape)) if len(inputs) == 1 else None
        if layout not in (("tensor(uint8)", 4), ("tensor(float)", 4)) or len(outputs) != 1:
            found = ", ".join(f"{x.name}: {x.type} {x.shape}" for x in inputs)
            raise EmbedderUnavailable(
                f"{path} does not take one batch of images, float (n, 3, h, w) or uint8 (n, h, w, 3), and "
                f"give one batch of vectors: its inputs are {found or 'none'}, its outputs "
                f"{', '.join(x.name for x in outputs) or 'none'}; export it with one of each"
            )
        self.takes_pixels = layout[0] == "tensor(uint8)"
        self.quantised = any(operator in content for operator in _EIGHT_BIT)
        self.input_shape: tuple[int | str | None, ...] = tuple(inputs[0].shape)
        self._session = session
        self._input = inputs[0].name
        self._pool = ThreadPoolExecutor(threads(), thread_name_prefix="onnx")

    def __call__(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch, an image a thread at a time.

        Threads that share an image wait for each other at every layer, and longer while other
        threads decode; threads with images of their own do not. It also makes the vector of an
        image independent of the batch, to the last bit.
        """
        return np.concatenate(list(self._pool.map(self._run, batch[:, None])))

    def _run(self, image: NDArray[Any]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self._session.run(None, {self._input: image})[0]
        return rows


class TorchNetwork(Network):
    """A torch module in float32, channels last.

    Args:
        module: an ``nn.Module`` or a TorchScript module from images to vectors.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        call: what to compute from images with the module's weights, on its device; None for the
            module itself.
    """

    def __init__(self, module: Any, device: str, call: Callable[[Any], Any] | None = None) -> None:
        self._device = torch_device(device)
        use_threads()
        module = module.to(self._device).eval()
        self._call = module if call is None else call

    def __call__(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch."""
        import torch

        with torch.inference_mode():
            images = torch.from_numpy(batch).to(self._device, memory_format=torch.channels_last)
            rows: NDArray[np.float32] = self._call(images).float().cpu().numpy()
        return rows


def use_threads() -> None:
    """Let torch use this process's share of threads only: workers of pytest-xdist share the cores."""
    import torch

    if threads() < torch.get_num_threads():
        torch.set_num_threads(threads())


def torch_device(device: str) -> str:
    """Resolve ``auto`` and refuse a device that is not there.

    Raises:
        EmbedderUnavailable: the device does not exist.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise EmbedderUnavailable(f"torch has no device {device!r} on this machine: {error}") from error
    return device


def require_torch(what: str, extra: str) -> None:
    """Import torch, and torchvision with it.

    Raises:
        EmbedderUnavailable: one of them is missing; says what to install.
    """
    try:
        import torch  # noqa: F401
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError) as error:  # RuntimeError: a pair that does not fit
        raise EmbedderUnavailable(
            f"{what} needs torch and torchvision ({error}): install the extra [{extra}] of pytest-replication"
        ) from error


def in_equal_shapes(
    network: Callable[[NDArray[Any]], NDArray[np.float32]], batch: Sequence[Prepared]
) -> NDArray[np.float32]:
    """Run images of several shapes, each shape as one batch, and put the rows back in order."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, image in enumerate(batch):
        groups.setdefault(image.shape, []).append(position)
    rows: list[NDArray[np.float32] | None] = [None] * len(batch)
    for positions in groups.values():
        output = network(np.stack([batch[p] for p in positions]))
        for position, row in zip(positions, output, strict=True):
            rows[position] = row
    return np.stack([row for row in rows if row is not None])
