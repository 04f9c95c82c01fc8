"""Embedders by name. Built-in ones and those of other packages register the same way.

A package adds one with an entry point of the group ``pytest_replication.embedders`` that names
a factory; a program adds one with `register_embedder`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from pytest_replication.embedders.base import DEVICES, Embedder, EmbedderOptions
from pytest_replication.errors import EmbedderError, EmbedderUnavailable, SettingsError, UnknownName, meant

GROUP = "pytest_replication.embedders"
Factory = Callable[[EmbedderOptions], Embedder]

_registered: dict[str, Factory] = {}


def register_embedder(name: str, factory: Factory) -> None:
    """Make an embedder known under a name, for this process.

    Args:
        name: what users write before the first colon; letters, digits and dashes.
        factory: makes the embedder from what the user asked for.

    Raises:
        EmbedderError: the name is taken or malformed.
    """
    if not name.replace("-", "").isalnum():
        raise EmbedderError(f"{name!r} cannot name an embedder: use letters, digits and dashes")
    if name in _registered or name in _installed():
        raise EmbedderError(f"an embedder named {name!r} exists already")
    _registered[name] = factory


def embedder_names() -> list[str]:
    """Names that `load_embedder` knows."""
    return sorted({*_registered, *_installed()})


def load_embedder(
    name: str,
    *,
    preset: str | None = None,
    device: str = "auto",
    weights_sha256: str | None = None,
    named: bool = True,
) -> Embedder:
    """Load an embedder.

    Args:
        name: a registry name, with an argument behind a colon where it takes one, such as
            ``sscd``, ``sscd:/path/sscd_disc_mixup.onnx`` or ``openclip:ViT-B-32/openai``, and with
            parameters behind a question mark where it takes some: ``dino-vitb16?pool=gem:/path``.
        preset: a preprocessing preset; None for the embedder's own.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        weights_sha256: refuse weights with another digest.
        named: the user named it. Where a file did, such as the manifest of an index, no embedder is loaded
            that runs code which the name chooses: a function, TorchScript, what another package makes of
            an argument.

    Raises:
        UnknownName: there is no embedder of that name.
        EmbedderUnavailable: its weights or packages are missing, or it is a program that nobody named.
        SettingsError: the device is none, or the parameters cannot be read.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise SettingsError(f"there is no device {device!r}: give {DEVICES}")
    front, _, argument = name.partition(":")
    key, _, query = front.partition("?")
    options = EmbedderOptions(argument, preset, device, weights_sha256, key, _parameters(name, query), named)
    if (argument or query) and not _is_ours(key):
        options.require_named("another package makes something of its argument")
    return _factory(key)(options)


def _parameters(name: str, query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in query.split("&") if query else ():
        key, equals, value = part.partition("=")
        if not (key and equals and value) or key in found:
            raise SettingsError(
                f"{part!r} in {name!r} is no parameter of an embedder: write NAME?key=value&key=value:PATH, "
                "each key once"
            )
        found[key] = value
    return found


def _factory(key: str) -> Factory:
    if key in _registered:
        return _registered[key]
    found = _installed().get(key)
    if found is None:
        names = embedder_names()
        raise UnknownName(f"there is no embedder {key!r}{meant(key, names)}; known are {', '.join(names)}")
    try:
        factory: Factory = found.load()
    except ImportError as error:
        raise EmbedderUnavailable(f"embedder {key!r} ({found.value}) cannot be imported: {error}") from error
    return factory


def _is_ours(key: str) -> bool:
    """Whether this package has the factory: it asks for a name where it would run code."""
    if key in _registered:
        return False
    found = _installed().get(key)
    return found is None or found.value.startswith(f"{__name__.partition('.')[0]}.")


def _installed() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise EmbedderError(
                f"two installed packages name an embedder {point.name!r} ({other.value} and "
                f"{point.value}): uninstall one of them"
            )
    return found
