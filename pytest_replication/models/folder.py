"""Ready samples in the place of a model: a folder or a tar of image files, or one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pytest_replication.errors import SampleError
from pytest_replication.models.base import Model, requests_of
from pytest_replication.models.ready import is_image
from pytest_replication.models.samples import Label, Samples
from pytest_replication.tidy import tidied


class FolderModel(Model):
    """Samples that were made before.

    Args:
        path: folder of image files, a tar of them, or one image file; a ``samples.jsonl`` inside
            tells their order, prompts, seeds and classes.

    Raises:
        SampleError: there is no such folder, it holds no images, or its ``samples.jsonl`` does not fit.
    """

    ready = True

    def __init__(self, path: Path) -> None:
        path = Path(tidied(str(path)))
        kind = "folder" if path.is_dir() else "image" if is_image(path) else "tar"
        self.name = f"{kind} {path}"
        self._samples = replace(Samples.of(path), model=self.identity)

    def sample(
        self, count: int, seed: int = 0, *, prompts: Sequence[str] = (), labels: Sequence[Label] = ()
    ) -> Samples:
        """Give the first `count` samples in their order; the seed plays no part."""
        requests_of(self, count, seed, prompts, labels)
        if count > len(self._samples):
            raise SampleError(
                f"{self.name} holds {_plural(len(self._samples))}, but {count} are wanted: make more, or "
                "ask for fewer"
            )
        return replace(
            self._samples,
            images=self._samples.images[:count],
            names=self._samples.names[:count],
            seeds=self._samples.seeds[:count],
            prompts=self._samples.prompts[:count],
            labels=self._samples.labels[:count],
            source=f"{self._samples.source} (the first {count} of {len(self._samples)})",
        )

    def everything(self) -> Samples:
        """Give all samples."""
        return self._samples


def _plural(count: int) -> str:
    return "1 sample" if count == 1 else f"{count} samples"
