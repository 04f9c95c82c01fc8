"""What became of the checks since the last release, as HTML, and which pairs are new since then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_replication.reports.html.escaped import listed, part, told
from pytest_replication.reports.last_release import change_story
from pytest_replication.reports.values import number
from pytest_replication.reports.words import many
from pytest_replication.results.image_names import lasting_name
from pytest_replication.score_text import score_text

_IMAGES = 20
"""New training images of a check that are named; all of them are marked in the pairs."""
_CHECKS = 200
_CHANGES = {"worse": ("fail", "Worse"), "better": ("pass", "Better")}
_NO_DIFFERENCE = ("none", "No difference shown")


def compared_html(run: Mapping[str, Any], icons: Mapping[str, str]) -> str:
    """A section about the last release; empty where a run was compared with none.

    Args:
        run: of a file of results.
        icons: the sign of each outcome.
    """
    compared = part(run, "baseline")
    if not compared:
        return ""
    checks = [each for each in listed(compared, "checks") if isinstance(each, Mapping)]
    checks.sort(key=lambda each: each.get("change") != "worse")
    items = "".join(_item(each, icons) for each in checks[:_CHECKS])
    if len(checks) > _CHECKS:
        items += f"<li>and {many(len(checks) - _CHECKS, 'check')} more, in the file of results</li>"
    for name, said in (("missing", "only in the last release"), ("added", "not in the last release")):
        items += "".join(f"<li>{told(each, 300)}: {said}</li>" for each in listed(compared, name)[:_CHECKS])
    written = told(compared.get("baseline_written"), 40).replace("T", " ").replace("+00:00", " UTC")
    level = number(compared.get("level"))
    about = f"Baseline of {written}" + ("" if level is None else f", at a level of {level:g} over all tests")
    return (
        '<section aria-labelledby="compared-title" id="compared"><div class="title">'
        '<h2 id="compared-title">Compared with the last release</h2>'
        f'<p class="quiet">{about}</p></div><ol class="checks">{items}</ol></section>'
    )


def new_since(run: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """What is said of pairs whose training image no sample of the last release replicated.

    Returns:
        By id of the check, and by the key of the training image.
    """
    found: dict[tuple[str, str], str] = {}
    for change in listed(part(run, "baseline"), "checks"):
        for image in listed(change, "new_images"):
            if isinstance(image, Mapping):
                then, threshold = number(image.get("other")), number(part(change, "new").get("threshold"))
                closest = "" if then is None else f", closest {score_text(then, threshold)}"
                said = f"replicated by no sample then{closest}"
                found[str(change.get("id")), image_key(image, "")] = said
    return found


def image_key(row: Mapping[str, Any], prefix: str) -> str:
    """By what a training image is known.

    Args:
        row: that tells of it.
        prefix: of the keys that do.
    """
    return " ".join(lasting_name(*(row.get(prefix + name) for name in ("sha256", "uri", "id"))))


def _item(change: Mapping[str, Any], icons: Mapping[str, str]) -> str:
    look, word = _CHANGES.get(str(change.get("change")), _NO_DIFFERENCE)
    name = told(change.get("id"), 300)
    name += f' <span class="quiet">{told(change.get("check"), 100)}</span>' if change.get("check") else ""
    chip = f'<span class="chip {look}">{icons.get(look, "")}{word}</span>'
    threshold = number(part(change, "new").get("threshold"))
    images = [each for each in listed(change, "new_images") if isinstance(each, Mapping)]
    new = "".join(f"<li>{_image(each, threshold)}</li>" for each in images[:_IMAGES])
    if len(images) > _IMAGES:
        new += f"<li>and {many(len(images) - _IMAGES, 'image')} more</li>"
    tests = "".join(
        f"<li>{_test(each)}</li>" for each in listed(change, "tests") if isinstance(each, Mapping)
    )
    notes = "".join(f"<li>{told(each, 500)}</li>" for each in listed(change, "notes"))
    body = f'<ul class="warnings">{tests}{notes}</ul>' if tests or notes else ""
    body += f"<p>Training images that were replicated by no sample then:</p><ul>{new}</ul>" if new else ""
    return (
        f'<li><details class="check"{" open" if look == "fail" else ""}><summary>{chip}'
        f'<span class="name">{name}</span><span class="figures">{told(change_story(change), 300)}</span>'
        f'<span class="seconds"></span></summary><div class="body">{body}</div></details></li>'
    )


def _image(image: Mapping[str, Any], threshold: float | None) -> str:
    score, then = number(image.get("score")), number(image.get("other"))
    said = "" if score is None else f"{score_text(score, threshold)} "
    said += told(image.get("uri") or image.get("id"), 300)
    return said + ("" if then is None else f", {score_text(then, threshold)} then")


def _test(test: Mapping[str, Any]) -> str:
    old, new = number(test.get("old")), number(test.get("new"))
    figures = "" if old is None or new is None else f" {100 * old:.3g} % → {100 * new:.3g} %"
    p = number(test.get("worse_adjusted"))
    return told(f"{test.get('what')}{figures}" + ("" if p is None else f", p {p:.2g} for a rise"), 300)
