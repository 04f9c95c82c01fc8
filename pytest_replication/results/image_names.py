"""By what a training image is known from run to run."""

from __future__ import annotations

import json


def lasting_name(sha256: object, uri: object, id_: object) -> tuple[str, str]:
    """Name a training image so that no other has its name.

    The sha256 of its file stays the same wherever the training set lies. Where only its vector was imported
    neither of the others is enough: files of one name in two folders give equal ids, and rows of one archive
    equal uris.

    Args:
        sha256: of its file; None where only its vector was imported.
        uri: where it lies: a path or an address.
        id_: what it is called within its source.

    Returns:
        What kind of name it is (``sha256`` or ``name``), and the name.
    """
    if sha256:
        return "sha256", str(sha256)
    return "name", json.dumps([str(uri or ""), str(id_ or "")])
