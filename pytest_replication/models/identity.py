"""Which model made samples: what verdicts say of it, and what makes one sample again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A model, as samples remember it.

    Attributes:
        name: what it was loaded by, as after ``--replication-model``.
        fingerprint: sha256 (hex) over its weights and every option that changes images; None where that
            cannot be known, as of a function.
        options: ``KEY=VALUE`` as after ``--replication-model-option``, in their order.
        ready: its samples are files that were made before; nothing makes them again.
        takes: what it is given beside a seed, of ``prompt`` and ``label``: samples may have others, which did
            not make them.
        notes: what a verdict has to tell of it, such as that code of the model was run.
    """

    name: str
    fingerprint: str | None = None
    options: tuple[str, ...] = ()
    ready: bool = False
    takes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
