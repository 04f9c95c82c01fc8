"""By what a training image is known from run to run: what stays the same wherever the training set lies."""

from __future__ import annotations


def lasting_name(sha256: object, uri: object, id_: object) -> tuple[str, str]:
    """Name a training image by what does not move with its training set.

    Args:
        sha256: of its file; None where only its vector was imported.
        uri: where it lies: a path, which may be another one tomorrow, or an address.
        id_: what it is called within its source.

    Returns:
        What kind of name it is (``sha256`` or ``name``), and the name.
    """
    if sha256:
        return "sha256", str(sha256)
    address = "://" in str(uri or "")
    return "name", str((uri if address else id_) or uri or "")
