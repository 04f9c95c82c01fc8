"""Filling what is missing of an image: with OpenCV, or with a diffusion model on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pytest_replication.benchmark.synthetic.geometry import bounded_size
from pytest_replication.benchmark.synthetic.recipe import Filler
from pytest_replication.errors import BenchmarkError, ModelError

Mask = NDArray[np.bool_]


class TeleaFiller:
    """Carries colours from the edge of what is kept into what is missing (Telea, 2004; OpenCV).

    It works on a small copy, which is enlarged and blurred: what it fills is smooth and means nothing.

    Args:
        side: longest side of the small copy, in pixels.

    Raises:
        BenchmarkError: OpenCV is not installed.
    """

    def __init__(self, side: int = 128) -> None:
        try:
            import cv2
        except ImportError as error:
            raise BenchmarkError(
                f"outpainting without a diffusion model needs OpenCV ({error}): "
                "pip install 'pytest-replication[bench]'"
            ) from error
        self._inpaint, self._method, self.side = cv2.inpaint, cv2.INPAINT_TELEA, side

    @property
    def about(self) -> Mapping[str, Any]:
        """Its name and size."""
        return {"name": "opencv-telea", "side": self.side}

    def __call__(self, image: Image.Image, missing: Mask, seed: int) -> Image.Image:
        """Fill; the seed changes nothing."""
        check_mask(image, missing)
        if not missing.any():
            return image.copy()
        size = bounded_size(image.size, self.side)
        # Black where it is missing, and every small pixel that one of those touches is missing too:
        # nothing of what is cut away gets into the filling.
        bare = Image.fromarray(np.where(missing[..., None], 0, np.asarray(image)).astype(np.uint8))
        small = np.asarray(bare.resize(size, Image.Resampling.BOX))
        gone = np.asarray(Image.fromarray(missing.astype(np.float32)).resize(size, Image.Resampling.BOX))
        touched = (gone > 0).astype(np.uint8)
        if touched.all():
            filled = np.broadcast_to(_mean_kept(image, missing), small.shape).astype(np.uint8)
        else:
            filled = np.asarray(self._inpaint(np.ascontiguousarray(small), touched, 3, self._method))
        large = Image.fromarray(filled).resize(image.size, Image.Resampling.BICUBIC)
        blurred = large.filter(ImageFilter.GaussianBlur(max(image.size) / self.side))
        return keep_rest(image, blurred, missing)


class DiffusersFiller:
    """Fills with an inpainting pipeline of the diffusers library.

    Only safetensors are read, and no code of the folder is run. The pipeline never sees what is
    missing, and what is kept is laid over its output pixel by pixel.

    Args:
        path: folder of the pipeline, in diffusers' layout.
        prompt: what to paint; empty by default.
        steps: of the denoising.
        guidance: scale of the guidance.
        device: ``cpu``, ``cuda``, …

    Raises:
        BenchmarkError: there is no folder, or diffusers is not installed.
        ModelError: the pipeline cannot be loaded.
    """

    def __init__(
        self,
        path: Path,
        *,
        prompt: str = "",
        steps: int = 30,
        guidance: float = 7.5,
        device: str = "cpu",
    ) -> None:
        library = _diffusers(path)
        try:
            self.pipeline = library.AutoPipelineForInpainting.from_pretrained(
                str(path), local_files_only=True, use_safetensors=True, trust_remote_code=False
            ).to(device)
        except Exception as error:  # whatever the library trips over
            raise ModelError(f"the pipeline {path} cannot be loaded: {error}") from error
        self.pipeline.set_progress_bar_config(disable=True)
        self.path, self.prompt, self.steps, self.guidance = path, prompt, steps, guidance

    @property
    def about(self) -> Mapping[str, Any]:
        """The pipeline and its settings."""
        return {
            "name": "diffusers",
            "pipeline": type(self.pipeline).__name__,
            "folder": self.path.name,
            "prompt": self.prompt,
            "steps": self.steps,
            "guidance": self.guidance,
        }

    def __call__(self, image: Image.Image, missing: Mask, seed: int) -> Image.Image | None:
        """Fill; None when the pipeline's safety checker blackens the output.

        Raises:
            ModelError: the pipeline raises, or gives no image.
        """
        import torch

        check_mask(image, missing)
        # Sides of whole latents, for autoencoders that halve up to four times.
        width, height = (max(64, round(side / 16) * 16) for side in image.size)
        bare = np.where(missing[..., None], _mean_kept(image, missing), np.asarray(image)).astype(np.uint8)
        mask = Image.fromarray(missing.astype(np.uint8) * 255)
        try:
            output = self.pipeline(
                prompt=self.prompt,
                image=Image.fromarray(bare).resize((width, height), Image.Resampling.BICUBIC),
                mask_image=mask.resize((width, height), Image.Resampling.NEAREST),
                width=width,
                height=height,
                num_inference_steps=self.steps,
                guidance_scale=self.guidance,
                generator=torch.Generator("cpu").manual_seed(seed),
            )
            (filled,) = output.images
        except Exception as error:
            raise ModelError(f"the pipeline {self.path} failed while it filled: {error}") from error
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            return None
        return keep_rest(image, filled.convert("RGB").resize(image.size, Image.Resampling.BICUBIC), missing)


def check_filler(folder: Path | None) -> None:
    """Find out whether a filler can be had, before pictures are made for it; loads no pipeline.

    Args:
        folder: of a pipeline of diffusers, None for the filler without a model.

    Raises:
        BenchmarkError: there is no such folder, or a package is missing.
    """
    if folder is None:
        TeleaFiller()
    else:
        _diffusers(folder)


def _diffusers(path: Path) -> Any:
    """The library, for a folder that holds a pipeline of it."""
    if not (path / "model_index.json").is_file():
        raise BenchmarkError(
            f"{path} holds no pipeline of diffusers: model_index.json is missing, give a folder that has one"
        )
    try:
        import diffusers
    except ImportError as error:
        raise BenchmarkError(
            f"outpainting with a diffusion model needs diffusers ({error}): install the extra "
            "[diffusers] of pytest-replication"
        ) from error
    return diffusers


def open_filler(given: object = None) -> Filler:
    """Take a filler, the folder of a pipeline of diffusers, or the one without a model for None.

    Raises:
        BenchmarkError: it is nothing of these, or a package is missing.
        ModelError: the pipeline cannot be loaded.
    """
    if given is None:
        return TeleaFiller()
    if isinstance(given, (str, Path)):
        return DiffusersFiller(Path(given))
    if callable(given) and hasattr(given, "about"):
        return given
    raise BenchmarkError(f"{given!r} fills nothing; expected the folder of a pipeline of diffusers")


def check_mask(image: Image.Image, missing: Mask) -> None:
    """Refuse a mask that does not fit its image, or that leaves nothing.

    Raises:
        BenchmarkError: it does.
    """
    if missing.shape != (image.height, image.width) or missing.all():
        raise BenchmarkError(
            f"a mask of shape {missing.shape} that leaves {int((~missing).sum())} pixels was given for an "
            f"image of {image.width} x {image.height}"
        )


def keep_rest(image: Image.Image, filled: Image.Image, missing: Mask) -> Image.Image:
    """Take the missing pixels from one image and the others from the original."""
    pixels = np.where(missing[..., None], np.asarray(filled), np.asarray(image))
    return Image.fromarray(pixels.astype(np.uint8))


def _mean_kept(image: Image.Image, missing: Mask) -> NDArray[np.float64]:
    return np.asarray(np.asarray(image, dtype=np.float64)[~missing].mean(axis=0))
