"""Options of a model: how it is sampled, in a file ``model.toml`` or as ``KEY=VALUE``.

A key that is not known, or a value of another type, is an error: a guidance under a misspelt key would
be another model than the one that is released.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pytest_replication.errors import ModelError, meant

Value = bool | int | float | str
"""What an argument of a pipeline may be in a file or on a command line."""


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How a model is loaded and sampled; None where it is left to the model.

    Attributes:
        revision: commit of a repository of the hub, 40 hexadecimal digits.
        variant: of the weight files, such as ``fp16``.
        trust_remote_code: run code that comes with the model.
        safety_checker: False to load a pipeline without the one that blackens images.
        scheduler: class of diffusers that takes the place of the pipeline's own, such as
            ``DDIMScheduler``, made from its configuration.
        steps: of the denoising.
        guidance: scale of the classifier-free guidance.
        negative_prompt: what to steer away from.
        height: of the samples, in pixels.
        width: of the samples, in pixels.
        dtype: of the weights while sampling: ``float32``, ``float16`` or ``bfloat16``.
        batch: samples at a time.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        offload: ``model`` or ``sequential``: parts wait on the CPU until they are needed.
        lora: safetensors files of adapters.
        lora_scale: strength of the adapters.
        textual_inversion: safetensors files of learned tokens.
        noise: shape of the noise of one sample, for a generator in a file.
        range: values of black and white of a generator in a file.
        arguments: anything else that the pipeline takes, by the name that it has there.
    """

    revision: str | None = None
    variant: str | None = None
    trust_remote_code: bool = False
    safety_checker: bool = True
    scheduler: str | None = None
    steps: int | None = None
    guidance: float | None = None
    negative_prompt: str | None = None
    height: int | None = None
    width: int | None = None
    dtype: str | None = None
    batch: int | None = None
    device: str | None = None
    offload: str | None = None
    lora: tuple[str, ...] = ()
    lora_scale: float | None = None
    textual_inversion: tuple[str, ...] = ()
    noise: tuple[int, ...] = ()
    range: tuple[float, ...] = ()
    arguments: Mapping[str, Value] = field(default_factory=dict)

    def given(self) -> dict[str, Any]:
        """Those that are not left to the model, by name."""
        return {
            option.name: getattr(self, option.name)
            for option in fields(self)
            if getattr(self, option.name) != _DEFAULTS[option.name]
        }


_DEFAULTS: Mapping[str, Any] = {
    option.name: {} if option.name == "arguments" else option.default for option in fields(ModelOptions)
}
TABLES: Mapping[str, tuple[str, ...]] = {
    "model": ("path", "revision", "variant", "trust_remote_code", "safety_checker"),
    "sampling": (
        "scheduler",
        "steps",
        "guidance",
        "negative_prompt",
        "height",
        "width",
        "dtype",
        "batch",
        "device",
        "offload",
    ),
    "adapters": ("lora", "lora_scale", "textual_inversion"),
    "generator": ("noise", "range"),
    "arguments": (),
}
"""Tables of ``model.toml`` and their keys; those of ``arguments`` are up to the pipeline."""
KEYS = tuple(key for keys in TABLES.values() for key in keys if key != "path")
"""Keys of ``KEY=VALUE``."""
_TRUE = ("trust_remote_code", "safety_checker")
_WHOLE = ("steps", "height", "width", "batch")
_NUMBERS = ("guidance", "lora_scale")
_TEXTS = ("lora", "textual_inversion")
_ONE_OF = {"dtype": ("float32", "float16", "bfloat16"), "offload": ("model", "sequential")}


def read_toml(path: Path) -> tuple[str, ModelOptions]:
    """Read a file of a model.

    Paths in it begin at its folder.

    Args:
        path: the file.

    Returns:
        What `load_model` takes in its place, and the options.

    Raises:
        ModelError: it cannot be read, or holds something else; says which key.
    """
    try:
        tables = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(f"{path} is no TOML file: {error}") from error
    flat: dict[str, Any] = {}
    for table, entries in tables.items():
        if table not in TABLES:
            raise ModelError(
                f"{path} has {table!r}{meant(table, TABLES)}: its tables are {', '.join(TABLES)}"
            )
        if not isinstance(entries, dict):
            raise ModelError(f"{path} has {table} = {entries!r}; expected a table, [{table}]")
        if table == "arguments":
            flat[table] = entries
            continue
        for key, value in entries.items():
            if key not in TABLES[table]:
                raise ModelError(
                    f"{path} has {key!r} in [{table}]{meant(key, TABLES[table])}: it holds "
                    f"{', '.join(TABLES[table])}"
                )
            flat[key] = value
    name = flat.pop("path", None)
    if not isinstance(name, str) or not name:
        raise ModelError(f"{path} names no model: [model] needs path = '…', as after --replication-model")
    options = _checked({key: _read(key, value, str(path)) for key, value in flat.items()}, str(path))
    beside = path.parent
    return _placed(name, beside), replace(
        options,
        lora=tuple(_placed(file, beside) for file in options.lora),
        textual_inversion=tuple(_placed(file, beside) for file in options.textual_inversion),
    )


def with_options(options: ModelOptions, given: Iterable[str]) -> ModelOptions:
    """Put ``KEY=VALUE`` in the place of what is there; `lora` and `textual_inversion` may come repeatedly.

    Raises:
        ModelError: a key is not known or comes twice, or a value does not fit it.
    """
    read: dict[str, Any] = {}
    for text in given:
        key, separator, value = text.partition("=")
        key = key.strip()
        if not separator:
            raise ModelError(f"the option {text!r} of the model is no KEY=VALUE, such as steps=25")
        if key.startswith("arguments."):
            arguments = read.setdefault("arguments", dict(options.arguments))
            arguments[key.partition(".")[2]] = _guessed(value)
        elif key not in KEYS:
            raise ModelError(
                f"a model has no option {key!r}{meant(key, KEYS)}: there are {', '.join(KEYS)}, and "
                "arguments.NAME for what only its pipeline knows"
            )
        elif key in _TEXTS:
            read[key] = (*read.get(key, ()), value)
        elif key in read:
            raise ModelError(f"the option {key} of the model is given twice, the last time as {value!r}")
        else:
            read[key] = _read(key, _parsed(key, value), "an option of the model")
    return _checked({**{f.name: getattr(options, f.name) for f in fields(options)}, **read}, "an option")


def _checked(values: dict[str, Any], where: str) -> ModelOptions:
    arguments = values.get("arguments", {})
    for key, value in arguments.items():
        if not isinstance(value, (bool, int, float, str)):
            raise ModelError(
                f"{where} has {key} = {value!r} in arguments; expected a number, a text or a switch"
            )
    return ModelOptions(**values)


def _parsed(key: str, text: str) -> Any:
    """The value of ``KEY=VALUE`` as TOML would have it."""
    if key in (*_TRUE, *_WHOLE, *_NUMBERS):
        return _guessed(text)
    if key in ("noise", "range"):
        return [_guessed(part) for part in text.strip("[]").split(",")]
    return text


def _guessed(text: str) -> Value:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, float, str)) else text


def _read(key: str, value: Any, where: str) -> Any:
    """Check the type of one value."""
    fits, expected = _fits(key, value)
    if not fits:
        raise ModelError(f"{where} has {key} = {value!r}; expected {expected}")
    if key in _NUMBERS:
        return float(value)
    return tuple(value) if isinstance(value, list) else value


def _fits(key: str, value: Any) -> tuple[bool, str]:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if key in _TRUE:
        return isinstance(value, bool), "true or false"
    if key in _WHOLE:
        return whole and value > 0, "a whole number from 1 on"
    if key in _NUMBERS:
        number = whole or isinstance(value, float)
        return number and -1e6 < value < 1e6, "a number"
    if key in _TEXTS:
        return isinstance(value, list) and all(isinstance(x, str) and x for x in value), "a list of files"
    if key == "noise":
        return _numbers(value, int) and min(
            value, default=0
        ) > 0, "a list of whole numbers, such as [4, 32, 32]"
    if key == "range":
        expected = "the values of black and white, such as [-1, 1]"
        return _numbers(value, (int, float)) and len(value) == 2 and value[0] < value[1], expected
    if key == "arguments":
        return isinstance(value, dict), "a table"
    if key in _ONE_OF:
        return value in _ONE_OF[key], f"one of {', '.join(_ONE_OF[key])}"
    return isinstance(value, str) and (bool(value) or key == "negative_prompt"), "a text"


def _numbers(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(isinstance(x, kind) and not isinstance(x, bool) for x in value)


def _placed(name: str, folder: Path) -> str:
    """A path in a file begins at the folder of the file."""
    kind, separator, rest = name.partition(":")
    if separator and kind in ("diffusers", "torchscript", "onnx", "folder") and (folder / rest).exists():
        return f"{kind}:{folder / rest}"
    return str(folder / name) if (folder / name).exists() else name


def refuse_options(name: str, options: ModelOptions, taken: Sequence[str], what: str) -> None:
    """Refuse options that a kind of model does not take.

    Raises:
        ModelError: there is one.
    """
    if odd := [key for key in options.given() if key not in taken]:
        raise ModelError(
            f"the model {name} is {what}, which takes no {', '.join(odd)}: it takes "
            f"{', '.join(taken) or 'no options'}"
        )
