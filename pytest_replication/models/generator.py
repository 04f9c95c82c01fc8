"""``torchscript:PATH`` and ``onnx:PATH``: a generator in one file, from noise to images.

It takes standard normal noise of shape (n, …) in float32 and gives images (n, 3 | 1, h, w) of floats, or
(n, h, w, 3 | 1) of uint8; a second input of int64 (n,) takes classes. Noise i is numpy's, from the seed of
sample i alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.base import sha256_of
from pytest_replication.embedders.runtime import OUTSIDE, require_torch, torch_device, use_threads
from pytest_replication.embedders.weight_files import first_line, open_torchscript, refuse_other_files
from pytest_replication.errors import EmbedderUnavailable, ModelError, SampleError
from pytest_replication.images.memory import UnusableImages, images_in_memory
from pytest_replication.models.base import Request
from pytest_replication.models.batches import BatchedModel, out_of_memory
from pytest_replication.models.options import ModelOptions, refuse_options

_ROUNDING = 0.02
"""Share of its range by which an image may differ from one run to the next."""
KINDS = ("torchscript", "onnx")
Network = Callable[[list[NDArray[Any]]], NDArray[Any]]


class GeneratorModel(BatchedModel):
    """A generator in one file.

    Args:
        name: what it was loaded by.
        kind: ``torchscript`` or ``onnx``.
        path: the file.
        options: `noise`, `range`, `batch` and `device`.
        given: those of them that did not come from its file, as text.
        device: where it computes if the options do not say; ONNX computes on the CPU.

    Raises:
        ModelError: it cannot be loaded, or an option is missing or does not fit.
    """

    batch = 16

    def __init__(
        self,
        name: str,
        kind: str,
        path: Path,
        options: ModelOptions,
        given: tuple[str, ...] = (),
        device: str = "auto",
    ) -> None:
        refuse_options(name, options, ("noise", "range", "batch", "device"), "a generator in a file")
        self.name, self.options = name, given
        try:
            refuse_other_files(path, "a generator")
            if kind == "onnx":
                self._run, inputs, shape = _onnx(path, options)
                self.libraries, self.place = ("numpy", "onnxruntime"), "cpu"
            else:
                require_torch(name, "torch")
                self.place = torch_device(options.device or device)
                self._run, inputs, shape = _torchscript(path, self.place)
                self.libraries = ("numpy", "torch")
        except EmbedderUnavailable as error:
            raise ModelError(f"the model {name} cannot be loaded: {error}") from error
        self.takes_labels = self.needs_labels = inputs == 2
        self._shape, self._range, self._checked = options.noise or shape, options.range, False
        if not self._shape:
            raise ModelError(f"say which noise {name} takes for one sample: noise=128, or noise=4,32,32")
        self.batch = options.batch or self.batch
        body = f"{sha256_of(path)} {list(self._shape)} {list(self._range)}"
        self.fingerprint = hashlib.sha256(body.encode()).hexdigest()

    def make(self, requests: Sequence[Request]) -> list[Image.Image]:
        """Run the network once.

        Raises:
            ModelError: it raises, or it is not known which values are black and white.
            SampleError: it gives no images, or values outside the range.
        """
        noise = [
            np.random.default_rng(request.seed).standard_normal(self._shape, dtype=np.float32)
            for request in requests
        ]
        inputs: list[NDArray[Any]] = [np.stack(noise)]
        if self.takes_labels:
            inputs.append(np.array([self._label(request) for request in requests], dtype=np.int64))
        try:
            output = self._run(inputs)
        except Exception as error:  # onnxruntime's errors share no base class, torch's are of many
            if out_of_memory(error):
                raise
            raise ModelError(
                f"the model {self.name} failed for noise of shape {inputs[0].shape} ({first_line(error)}): "
                "give the shape that it was made for, noise=…, and export it with an open batch axis"
            ) from error
        if len(output) != len(requests):
            raise SampleError(
                f"the model {self.name} gave {len(output)} images where {len(requests)} were asked for"
            )
        images = self._images(output, requests)
        if not self._checked:
            self._check(inputs, output)
        return images

    def _check(self, inputs: list[NDArray[Any]], output: NDArray[Any]) -> None:
        """See that the first sample is the same again: alone, and beside another one.

        Raises:
            ModelError: it is not, so that no seed names a sample.
        """
        first = [array[:1] for array in inputs]
        other = np.random.default_rng().standard_normal(first[0].shape, dtype=np.float32)
        pair = [np.concatenate([first[0], other]), *(np.concatenate([rest, rest]) for rest in first[1:])]
        tried = {"again": first} | ({"beside another one": pair} if self.batch > 1 else {})
        spread = float(np.ptp(output)) if output.size else 0.0
        for how, arrays in tried.items():
            found = self._run(arrays)
            if len(found) != len(arrays[0]) or not np.allclose(
                found[0], output[0], rtol=0, atol=_ROUNDING * spread, equal_nan=True
            ):
                raise ModelError(
                    f"the model {self.name} makes another image of the same noise when it is run {how}: a "
                    "sample has to come from its noise alone; export it in evaluation mode, without noise of "
                    "its own, or give batch=1"
                )
        self._checked = True

    def _label(self, request: Request) -> int:
        try:
            return int(request.label if request.label is not None else "")
        except ValueError as error:
            raise ModelError(
                f"the model {self.name} knows its classes by number, not as {request.label!r}: give numbers"
            ) from error

    def _images(self, output: NDArray[Any], requests: Sequence[Request]) -> list[Image.Image]:
        if np.issubdtype(output.dtype, np.floating):
            output = self._scaled(output.astype(np.float32), requests)
        try:
            return images_in_memory(output)
        except UnusableImages as error:
            raise SampleError(f"the model {self.name}: {error}") from error

    def _scaled(self, output: NDArray[np.float32], requests: Sequence[Request]) -> NDArray[np.float32]:
        """Floats of any range as (n, h, w, c) in [0, 1]."""
        if not self._range:
            raise ModelError(
                f"say which values black and white have in the images of {self.name}: range=-1,1 or "
                "range=0,1 or range=0,255 (the first batch has values from "
                f"{output.min(initial=0):.3g} to {output.max(initial=0):.3g})"
            )
        finite = np.isfinite(output.reshape(len(output), -1)).all(axis=1)
        if not finite.all():
            seed = requests[int(np.argmin(finite))].seed
            raise SampleError(
                f"the model {self.name} gave values that are not finite for seed {seed}: check its weights"
            )
        low, high = self._range
        unit: NDArray[np.float32] = (output - low) / (high - low)
        if unit.min(initial=0) < -0.01 or unit.max(initial=1) > 1.01:
            raise SampleError(
                f"the model {self.name} gave values from {output.min():.3g} to {output.max():.3g}, outside "
                f"its range {low:g} to {high:g}: give the true range, or clip in the model"
            )
        return np.clip(unit, 0, 1).transpose(0, 2, 3, 1) if unit.ndim == 4 else unit


def _torchscript(path: Path, device: str) -> tuple[Network, int, tuple[int, ...]]:
    import torch

    use_threads()
    module = open_torchscript(path).to(device).eval()
    inputs = len(module.forward.schema.arguments) - 1 if hasattr(module.forward, "schema") else 1
    if inputs not in (1, 2):
        raise EmbedderUnavailable(f"{path} takes {inputs} inputs; expected noise, or noise and classes")

    def run(arrays: list[NDArray[Any]]) -> NDArray[Any]:
        with torch.inference_mode():
            output: NDArray[Any] = module(*(torch.from_numpy(x).to(device) for x in arrays)).cpu().numpy()
        return output

    return run, inputs, ()


def _onnx(path: Path, options: ModelOptions) -> tuple[Network, int, tuple[int, ...]]:
    import onnxruntime as ort

    if options.device not in (None, "auto", "cpu"):
        raise EmbedderUnavailable(f"{path} is an ONNX file, which runs on the CPU: leave device away")
    content = path.read_bytes()
    if OUTSIDE in content:
        raise EmbedderUnavailable(
            f"{path} keeps its weights in another file, which its sha256 does not cover: save it as one file"
        )
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    try:
        session = ort.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no public base class
        raise EmbedderUnavailable(
            f"{path} is no whole ONNX file ({first_line(error)}): export it again, as one file"
        ) from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    kinds = [each.type for each in inputs]
    if kinds not in (["tensor(float)"], ["tensor(float)", "tensor(int64)"]) or len(outputs) != 1:
        found = ", ".join(f"{each.name}: {each.type}" for each in inputs)
        raise EmbedderUnavailable(
            f"{path} takes {found} and gives {len(outputs)} outputs; expected noise as float, or noise and "
            "classes as int64, and one output"
        )
    shape = tuple(inputs[0].shape[1:])

    def run(arrays: list[NDArray[Any]]) -> NDArray[Any]:
        # One by one: an image is then the same in any batch, to the last bit.
        names = [each.name for each in inputs]
        rows = [
            session.run(None, {name: array[i : i + 1] for name, array in zip(names, arrays, strict=True)})[0]
            for i in range(len(arrays[0]))
        ]
        return np.concatenate(rows)

    return run, len(inputs), shape if all(isinstance(side, int) for side in shape) else ()
