"""Samples in batches: smaller ones where the memory is too small, with a bar where somebody looks."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterator, Sequence

from PIL import Image

from pytest_replication.errors import ModelError
from pytest_replication.models.base import Model, Request, requests_of
from pytest_replication.models.cache import SampleCache
from pytest_replication.models.samples import Label, Samples


class BatchedModel(Model):
    """A model that makes several samples at once, each from what is asked for it alone.

    Attributes:
        batch: samples at a time; halved for good when the memory is too small for so many.
        progress: show a bar, if the standard error is a terminal.
        cache: where samples are kept and found again; None to make all of them.
        libraries: distributions whose versions decide on the images.
        place: kind of device that it computes on.
    """

    batch: int = 8
    progress: bool = True
    cache: SampleCache | None = None
    libraries: tuple[str, ...] = ()
    place: str = "cpu"

    @abstractmethod
    def make(self, requests: Sequence[Request]) -> list[Image.Image]:
        """Make one batch: an upright RGB image for each request.

        Raises:
            ReplicationError: the model fails, or gives no usable images.
            Exception: anything else that `out_of_memory` knows.
        """

    def sample(
        self, count: int, seed: int = 0, *, prompts: Sequence[str] = (), labels: Sequence[Label] = ()
    ) -> Samples:
        """Draw samples, as `Model.sample` says.

        Raises:
            SampleError: the model gives unusable images, or prompts or classes do not fit.
            ModelError: it fails, or not even one sample fits into the memory.
        """
        requests = requests_of(self, count, seed, prompts, labels)
        return Samples.of(
            list(self.images(requests)),
            seeds=[request.seed for request in requests],
            prompts=prompts,
            labels=labels,
            source=self.name,
            model=self.identity,
        )

    def images(self, requests: Sequence[Request]) -> Iterator[Image.Image]:
        """An image for each request, in their order: from the cache, else made a batch at a time.

        Raises:
            ReplicationError: as `sample`.
        """
        if self.cache is None:
            yield from self._made(requests)
            return
        found = [self.cache.find(request) for request in requests]
        missing = [request for request, image in zip(requests, found, strict=True) if image is None]
        made = self._made(missing)
        for request, image in zip(requests, found, strict=True):
            if image is None:
                image = next(made)
                self.cache.keep(request, image)
            yield image

    def _made(self, requests: Sequence[Request]) -> Iterator[Image.Image]:
        from tqdm import tqdm

        with tqdm(
            total=len(requests), desc="sampling", unit="img", disable=None if self.progress else True
        ) as bar:
            done = 0
            while done < len(requests):
                part = requests[done : done + self.batch]
                made = self._try(part)
                if made is None:
                    self._halve(len(part))
                    continue
                yield from made
                done += len(made)
                bar.update(len(made))

    def _try(self, requests: Sequence[Request]) -> list[Image.Image] | None:
        """Make a batch; None if the memory is too small for it."""
        try:
            return self.make(requests)
        except Exception as error:
            if not out_of_memory(error):
                raise
        return None  # outside the handler, which holds on to what filled the memory

    def _halve(self, tried: int) -> None:
        _free()
        if tried == 1:
            raise ModelError(
                f"the memory is too small for one sample of {self.name}: give a smaller height and width, "
                "dtype=float16, or offload=model"
            )
        self.batch = tried // 2
        print(
            f"out of memory with {tried} samples of {self.name} at a time: going on with {self.batch} "
            f"(batch={self.batch} begins there)",
            file=sys.stderr,
        )


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory is too small: of Python, or of torch on any device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in said for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


def _free() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
