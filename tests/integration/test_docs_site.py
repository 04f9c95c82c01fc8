"""The site: its reference is that of the code, its links and anchors lead somewhere, no page is left out."""

from __future__ import annotations

import re
import runpy
from functools import cache
from pathlib import Path

import pytest

from .test_docs import DOCUMENTS, README, ROOT, blocks

DOCS = ROOT / "docs"
FENCED = re.compile(r"^( *)(```+).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it, and mkdocs.yml has it made."""
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")


@cache
def anchors(path: Path) -> list[str]:
    prose = FENCED.sub("", path.read_text(encoding="utf-8"))
    return [slug(heading) for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)]


def broken(path: Path, text: str) -> list[str]:
    """Links of a page to headings that are not there, or there twice."""
    found = []
    for file, anchor in LINK.findall(FENCED.sub("", text)):
        target = (path.parent / file).resolve() if file else path
        if anchor and target.suffix == ".md" and anchors(target).count(anchor) != 1:
            found.append(f"{file}#{anchor}")
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_anchors_lead_to_one_heading(path: Path) -> None:
    assert broken(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](pixels.md#pictures-of-pairs)", []),
        ("[a](pixels.md#nowhere)", ["pixels.md#nowhere"]),
        ("[a](#nowhere)", ["#nowhere"]),
        ("```\n[a](#nowhere)\n```\n", []),
        ("[a](https://example.org/#nowhere)", []),
    ],
)
def test_an_anchor_that_is_not_there_is_found(text: str, expected: list[str]) -> None:
    assert broken(DOCS / "index.md", text) == expected


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Pictures of pairs", "pictures-of-pairs"),
        ("`run`", "run"),
        ("What, [how](a.md) & why", "what-how--why"),
    ],
)
def test_anchors_are_those_of_github(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


def test_every_page_has_one_place_in_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    placed = re.findall(r": (docs/\S+\.md)$", nav, re.MULTILINE)
    assert sorted(placed) == sorted(f"docs/{page.name}" for page in DOCS.glob("*.md")), "see mkdocs.yml"


def test_the_site_fetches_no_fonts() -> None:
    assert re.search(r"^  font: false\b", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_reference_is_up_to_date() -> None:
    reference = runpy.run_path(str(DOCS / "site" / "reference.py"))
    written = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert written.splitlines() == reference["page"]().splitlines(), "run: python docs/site/reference.py"


def test_the_quickstart_shows_what_the_readme_shows() -> None:
    """The examples of the README are run by its tests."""
    page = (DOCS / "index.md").read_text(encoding="utf-8")
    examples = blocks(r"\w+", page)
    assert len(examples) == page.count("```") / 2
    assert [example for example in examples if example not in README] == []
