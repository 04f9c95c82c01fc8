"""A pipeline from its folder, part by part: no weights are left to chance, none come from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_replication.embedders.weight_files import first_line
from pytest_replication.errors import ModelError, ReplicationError
from pytest_replication.models.diffusers.files import Component, PipelineFiles
from pytest_replication.models.diffusers.quiet import offline, quiet_libraries, require_diffusers
from pytest_replication.models.options import ModelOptions

_COMMIT = re.compile("[0-9a-f]{40}")
_BUFFERS = ("position_ids",)
"""Numbers that older versions of transformers saved with the weights, and that are always the same."""
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def find_folder(name: str, options: ModelOptions) -> tuple[Path, str | None]:
    """The folder of a pipeline, fetched from the hub if it is named there.

    Args:
        name: a folder, or ``OWNER/NAME@COMMIT`` of the hub.
        options: `revision` may name the commit instead.

    Returns:
        The folder, and the commit if it is from the hub.

    Raises:
        ModelError: there is no such folder or repository, or no commit is named.
    """
    if Path(name).exists():
        if options.revision is not None:
            raise ModelError(f"{name} is a folder and has no revision: leave revision away")
        return Path(name), None
    repository, _, commit = name.partition("@")
    if commit and options.revision not in (None, commit):
        raise ModelError(f"{name} names one commit and revision={options.revision} another: leave one away")
    commit = commit or options.revision or ""
    if not _REPOSITORY.fullmatch(repository):
        raise ModelError(
            f"there is no folder {name}: give that of a pipeline, or OWNER/NAME@COMMIT of the hub"
        )
    if not _COMMIT.fullmatch(commit):
        raise ModelError(
            f"there is no folder {repository}, and of a repository of the hub one commit has to be named, "
            f"{repository}@COMMIT with its 40 hexadecimal digits: what a branch holds may change"
        )
    return _fetched(repository, commit, options), commit


def _fetched(repository: str, commit: str, options: ModelOptions) -> Path:
    library = require_diffusers(repository)
    try:
        with quiet_libraries():
            return Path(
                library.DiffusionPipeline.download(
                    repository,
                    revision=commit,
                    variant=options.variant,
                    use_safetensors=True,
                    trust_remote_code=options.trust_remote_code,
                    local_files_only=offline(),
                )
            )
    except Exception as error:  # whatever the library trips over
        how = "HF_HUB_OFFLINE keeps off the hub: unset it" if offline() else "check name, commit and access"
        raise ModelError(
            f"{repository}@{commit} cannot be had from the hub ({first_line(error)}): {how}, or give a folder"
        ) from error


def load_pipeline(files: PipelineFiles, options: ModelOptions, dtype: Any) -> Any:
    """Load a pipeline on the CPU, from its folder alone.

    Args:
        files: what is in the folder.
        options: which of its parts are wanted.
        dtype: of torch, for all weights.

    Raises:
        ModelError: a part cannot be loaded, or its weights are not all in its files.
    """
    library = require_diffusers(str(files.folder))
    with quiet_libraries(), telling(f"the pipeline {files.folder} cannot be loaded"):
        parts = {
            part.name: _load_part(library, files.folder, part, dtype, options)
            for part in files.components
            if part.weights and not (files.folder / part.name / f"{part.library}.py").is_file()
        }
        if not options.safety_checker:
            parts |= {"safety_checker": None, "requires_safety_checker": False}
        return library.DiffusionPipeline.from_pretrained(
            str(files.folder),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=options.trust_remote_code,
            **_dtype(library, dtype),
            **parts,
        )


def _load_part(library: Any, folder: Path, part: Component, dtype: Any, options: ModelOptions) -> Any:
    """Load one part, and see that each of its tensors comes from a file.

    A tensor that no file holds would be made up at random, with no more than a warning: a model that
    copies nothing, since it draws nothing. One that is left over belongs to another network.
    """
    home, name = _home(library, part)
    kind = getattr(home, name, None)
    if kind is None:
        raise ModelError(
            f"the part {part.name} of {folder} is a {part.kind}, which this version of {part.library} does "
            "not have: install the version that saved it"
        )
    given = {"dtype": dtype} if home.__name__ == "transformers" else _dtype(library, dtype)
    loaded, told = kind.from_pretrained(
        str(folder / part.name),
        local_files_only=True,
        use_safetensors=True,
        variant=part.variant,
        output_loading_info=True,
        **given,
    )
    missing = sorted(told["missing_keys"])
    if missing:
        raise ModelError(
            f"the weights of {folder / part.name} lack {missing[0]!r} ({len(missing)} in all): fetch or save "
            "the pipeline again"
        )
    strange = sorted(key for key in told["unexpected_keys"] if not key.endswith(_BUFFERS))
    if strange:
        raise ModelError(
            f"the weights of {folder / part.name} hold {strange[0]!r} ({len(strange)} such in all), for "
            "which its config.json has no place, so that another network would be sampled: fetch or save the "
            "pipeline again"
        )
    return loaded


def _home(library: Any, part: Component) -> tuple[Any, str]:
    if part.library == "transformers":
        import transformers

        return transformers, part.kind
    if part.library == "diffusers":
        return library, part.kind
    return getattr(library.pipelines, part.library), part.kind


def _dtype(library: Any, dtype: Any) -> dict[str, Any]:
    """The argument for it, under the name that this version of diffusers has for it."""
    import diffusers.models.modeling_utils as loading

    new = hasattr(loading, "_resolve_dtype") or not library.__version__.startswith("0.")
    return {"dtype" if new else "torch_dtype": dtype}


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Say in one line what a library tripped over.

    Raises:
        ModelError: anything was raised that is no error of ours.
    """
    try:
        yield
    except ReplicationError:
        raise
    except Exception as error:
        raise ModelError(f"{what} ({type(error).__name__}: {first_line(error)})") from error
