"""Fields of a file of results and their types, as far as reports are made of them."""

from __future__ import annotations

Types = dict[str, tuple[type, ...]]
NONE_TYPE = type(None)
NUMBER: tuple[type, ...] = (int, float)
_TEXT: tuple[type, ...] = (str, NONE_TYPE)
_OBJECT: tuple[type, ...] = (dict, NONE_TYPE)
_LIST: tuple[type, ...] = (list, NONE_TYPE)
_COUNT: tuple[type, ...] = (int, NONE_TYPE)
_FIGURE: tuple[type, ...] = (*NUMBER, NONE_TYPE)

WHOLE: Types = {
    "format": (int,),
    "kind": (str,),
    "written": (str,),
    "writer": (str,),
    "outcome": (str,),
    "private": (bool,),
    "run": (dict,),
    "checks": (list,),
}
RUN: Types = {
    "command": _LIST,
    "started": (str,),
    "seconds": NUMBER,
    "environment": (dict,),
    "settings": (list,),
    "faults": (list,),
    "caught": (list,),
    "errors": (list,),
}
FAULT: Types = {"kind": (str,), "text": (str,)}
ERROR: Types = {"test": (str,), "message": (str,)}
SETTING: Types = {"name": (str,), "value": (object, bool), "source": (str,)}
COMPARED: Types = {"outcome": (str,), "checks": (list,)}
CHANGE: Types = {"id": (str,), "change": (str,)}
CHECK: Types = {
    "id": (str,),
    "test": (str,),
    "check": (str,),
    "asserted": (bool,),
    "rerun": (bool,),
    "outcome": (str,),
    "seconds": _FIGURE,
    "message": (str,),
}
OF_SAMPLES: Types = {
    "samples": (int,),
    "replicated": (int,),
    "rate": NUMBER,
    "rate_lower": NUMBER,
    "rate_upper": NUMBER,
    "confidence": NUMBER,
    "threshold": NUMBER,
    "threshold_source": (str,),
    "max_rate": NUMBER,
    "worst_score": NUMBER,
    "closest_score": NUMBER,
    "searched": (int,),
    "index": (dict,),
    "pairs": (list,),
    "undecided_pairs": (list,),
    "near_pairs": (list,),
    "scores": (list,),
    "null": _OBJECT,
}
"""Of a check of each sample, which has no ``kind``."""

# What need not be there; where it is, it is of these types.
MORE_OF_RUN: Types = {"exit_status": (int,), "baseline": (dict,), "skipped": (list,)}
MORE_OF_CHECK: Types = {
    "kind": (str,),
    "test_file": _TEXT,
    "test_line": _COUNT,
    "fdr": _FIGURE,
    "fdr_source": _TEXT,
    "expected_false": _FIGURE,
    "distinct_samples": _COUNT,
    "samples": _COUNT,
    "replicated": _COUNT,
    "searched": _COUNT,
    "rate_lower": _FIGURE,
    "rate_upper": _FIGURE,
    "model": _OBJECT,
    "index": _OBJECT,
    "accepted": _OBJECT,
    "counts": _OBJECT,
    "control": _OBJECT,
    "search": _OBJECT,
    "objects": _OBJECT,
    "seeds": _OBJECT,
    "pairs": _LIST,
    "undecided_pairs": _LIST,
    "near_pairs": _LIST,
    "cells": _LIST,
    "warnings": _LIST,
}
PARTS: dict[str, tuple[str, Types]] = {
    "model": ("a model", {"name": _TEXT, "fingerprint": _TEXT, "options": _LIST}),
    "index": (
        "an index",
        {"path": _TEXT, "fingerprint": _TEXT, "embedder": _TEXT, "rejected": _COUNT, "removed": _COUNT},
    ),
    "accepted": ("what was accepted", {"matches": _LIST, "expired": _LIST}),
    "search": ("a search", {"engine": _TEXT, "recall": _FIGURE}),
}
"""Parts of a check, what they are called, and what may stand in them."""
MORE_OF_PAIR: Types = {
    "score": _FIGURE,
    "threshold": _FIGURE,
    "rmse": _FIGURE,
    "part": _OBJECT,
    "elsewhere": _OBJECT,
    "copies": _COUNT,
}
