"""The folder of a pipeline: what is in it, whether it is all there, and whether it runs code."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication.embedders.base import sha256_of
from pytest_replication.errors import ModelError

MANIFEST = "model_index.json"
_LIBRARIES = ("diffusers", "transformers")
_STEMS = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}
"""What each library calls the files of weights that it reads; other files are not what is loaded."""
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_NEVER_READ = (*_PICKLES, ".h5", ".msgpack", ".onnx", ".onnx_data", ".pyc")
_NO_WEIGHTS = ("Scheduler", "Tokenizer", "TokenizerFast", "Processor", "Extractor", "ImageProcessorFast")
_CODE = re.compile(r"[A-Za-z_]\w*")
"""Name of a module or a class: nothing that could lead out of the folder."""
_LARGEST_HEADER = 100_000_000
"""Bytes of the header of a safetensors file: the format allows no more."""
_LARGEST = 1 << 24
"""Bytes of a JSON file that are read."""


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a pipeline.

    Attributes:
        name: of the part and of its folder.
        library: ``diffusers``, ``transformers``, a module of diffusers' pipelines, or a file of code.
        kind: name of its class.
        weights: its safetensors files; empty for a part without weights.
        variant: of these files, None for the plain ones.
    """

    name: str
    library: str
    kind: str
    weights: tuple[Path, ...] = ()
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class PipelineFiles:
    """A pipeline on disk.

    Attributes:
        folder: where it is.
        kind: name of its class.
        components: its parts.
        code: files of code that are run to load it.
    """

    folder: Path
    kind: str
    components: tuple[Component, ...]
    code: tuple[Path, ...] = ()

    def digest(self) -> str:
        """sha256 over every file that a library may read: configurations, vocabularies, weights, code."""
        total = hashlib.sha256()
        code = self.folder.rglob("*.py") if self.code else ()
        for path in sorted({self.folder / MANIFEST, *code, *self._read()}):
            name = path.relative_to(self.folder).as_posix()
            total.update(f"{name}\0{sha256_of(path)}\n".encode())
        return total.hexdigest()

    def _read(self) -> Iterator[Path]:
        for component in self.components:
            for path in (self.folder / component.name).rglob("*"):
                if path.is_file() and path.suffix not in _NEVER_READ:
                    yield path


def read_folder(folder: Path, *, variant: str | None, trusted: bool, checker: bool) -> PipelineFiles:
    """Look at the folder of a pipeline before a library does.

    Args:
        folder: the folder.
        variant: of the weights; parts that do not have it are loaded plain.
        trusted: code in the folder may be run.
        checker: its safety checker will be loaded.

    Raises:
        ModelError: it is no pipeline, something is missing, only pickles are there, or it runs code.
    """
    index = _json(_manifest(folder))
    kind = index.get("_class_name")
    code = []
    if isinstance(kind, list) and len(kind) == 2 and all(_is_name(x) for x in kind):
        code.append(folder / f"{kind[0]}.py")
        kind = kind[1]
    if not isinstance(kind, str):
        raise ModelError(f"{folder / MANIFEST} names no pipeline: save it again with save_pretrained")
    components = []
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or len(value) != 2 or value[0] is None:
            continue
        if name == "safety_checker" and not checker:
            continue
        if not all(_is_name(x) for x in value) or not _is_name(name):
            raise ModelError(f"{folder / MANIFEST} has {name} = {value!r}; expected a library and a class")
        component = Component(name, *value)
        if (own := folder / name / f"{component.library}.py").is_file():
            code.append(own)
        elif component.library not in _LIBRARIES and not _is_pipeline_module(component.library):
            raise ModelError(
                f"the part {name} of {folder} is a class of {component.library}; only parts of diffusers and "
                "transformers are loaded"
            )
        components.append(_with_weights(folder, component, variant))
    if code and not trusted:
        raise ModelError(
            f"{folder} runs code of its own ({', '.join(str(p.relative_to(folder)) for p in code)}): read "
            "it, and set trust_remote_code = true in [model] of a model.toml (or as an option) to run it"
        )
    if variant is not None and all(component.variant is None for component in components):
        raise ModelError(f"no part of {folder} has weights of the variant {variant}: leave the variant away")
    return PipelineFiles(folder, kind, tuple(components), tuple(code))


def _is_name(text: object) -> bool:
    return isinstance(text, str) and _CODE.fullmatch(text) is not None


def _manifest(folder: Path) -> Path:
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise ModelError(f"{folder} {state}; expected the folder of a diffusers pipeline, with {MANIFEST}")
    if (path := folder / MANIFEST).is_file():
        return path
    if (folder.parent / MANIFEST).is_file():
        raise ModelError(f"{folder} is one part of a pipeline: give the folder above it, {folder.parent}")
    inside = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    near = f": did you mean {inside[0]}?" if inside else ": save it with pipeline.save_pretrained(FOLDER)"
    raise ModelError(f"{folder} holds no pipeline of diffusers, {MANIFEST} is missing{near}")


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is too large")
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read ({error}): fetch or save the pipeline again") from error
    return data


def _is_pipeline_module(library: str) -> bool:
    import importlib.util

    if not library.isidentifier():
        return False
    return any(
        importlib.util.find_spec(f"diffusers.pipelines{part}.{library}") is not None
        for part in ("", ".deprecated")
    )


def _with_weights(folder: Path, component: Component, variant: str | None) -> Component:
    """Find the files of one part's weights.

    Raises:
        ModelError: its folder is missing, or its weights are, or they are pickles.
    """
    place = folder / component.name
    if not place.is_dir():
        raise ModelError(
            f"{folder} lacks the folder {component.name} ({component.kind}): fetch or save the pipeline again"
        )
    if component.kind.endswith(_NO_WEIGHTS):
        return component
    for wanted in dict.fromkeys([variant, None]):
        if found := _weights(place, wanted, component):
            return Component(component.name, component.library, component.kind, found, wanted)
    pickles = sorted(path.name for path in place.iterdir() if path.suffix in _PICKLES)
    if pickles:
        raise ModelError(
            f"{place / pickles[0]} is a pickle, which can run code, and the part has no safetensors: load it "
            "where you trust it and save it with pipeline.save_pretrained(FOLDER, safe_serialization=True)"
        )
    raise ModelError(
        f"{place} holds no weights ({component.kind}), expected a safetensors file: fetch or save the "
        "pipeline again"
    )


def _weights(place: Path, variant: str | None, component: Component) -> tuple[Path, ...]:
    """Weights of one variant, all shards of them; empty if there are none.

    Raises:
        ModelError: there are several, so that what is loaded need not be what was looked at.
    """
    dotted = f".{variant}" if variant else ""
    own = _STEMS.get(component.library)
    stems = _STEMS.values() if own is None else (own,)
    names = [
        name
        for stem in stems
        for name in (
            f"{stem}.safetensors.index{dotted}.json",
            f"{stem}{dotted}.safetensors.index.json",
            f"{stem}{dotted}.safetensors",
        )
    ]
    there = [place / name for name in dict.fromkeys(names) if (place / name).is_file()]
    if len(there) > 1:
        raise ModelError(
            f"{place} holds weights twice, {there[0].name} and {there[1].name}: delete those that are not "
            "meant"
        )
    if not there:
        return ()
    found = there[0]
    return (found, *_shards(found)) if found.suffix == ".json" else (_whole(found),)


def _shards(index: Path) -> list[Path]:
    names = _json(index).get("weight_map")
    if not isinstance(names, dict) or not all(
        isinstance(name, str) and Path(name).name == name for name in names.values()
    ):
        raise ModelError(f"{index} lists no weights: fetch or save the pipeline again")
    return [_whole(index.parent / name) for name in sorted(set(names.values()))]


def _whole(file: Path) -> Path:
    """A safetensors file that is one, to its last byte.

    Raises:
        ModelError: it is missing, cut, or something else.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            head = opened.read(8)
            length = int.from_bytes(head, "little")
            if size < 8 or length > size - 8:
                raise ValueError(
                    "it is a Git LFS pointer: run 'git lfs pull'"
                    if head == b"version "
                    else "it is cut or damaged"
                )
            if length > _LARGEST_HEADER:
                raise ValueError(f"its header has {length:,} bytes")
            tensors = json.loads(opened.read(length))
        end = max(
            (entry["data_offsets"][1] for key, entry in tensors.items() if key != "__metadata__"), default=0
        )
        if size != 8 + length + end:
            raise ValueError(f"it has {size} bytes and should have {8 + length + end}")
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ModelError(
            f"{file} is no whole safetensors file ({why}): fetch or save the pipeline again"
        ) from error
    return file
