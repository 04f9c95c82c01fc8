"""Lays the pages out as the repository does, so that every link that works there works in the site.

Pages of docs/ link to files beside docs/. What they reach of the repository comes into the site too, below
``repository/``: markdown as a page, anything else as it is.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files, InclusionLevel

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

FOLDER_LINK = re.compile(r"\[([^\[\]]+)\]\((?!\w+:)([^)#\s]+)\)")
BARRED = re.compile(r"`([^`\n]*\\\|[^`\n]*)`")
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Replace the pages by the same, named by their place in the repository, and all that they link to."""
    root = Path(config.config_file_path).resolve().parent
    docs = Path(config.docs_dir).resolve()
    laid = [each for each in files if not each.abs_src_path or not _below(Path(each.abs_src_path), docs)]
    waiting = sorted(docs.glob("*.md"))
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        laid.append(_file(path.relative_to(root).as_posix(), path, config))
        if path.suffix != ".md":
            continue
        for link in LINK.findall(path.read_text(encoding="utf-8")):
            linked = (path.parent / link).resolve()
            if linked.is_file() and _below(linked, root) and linked not in seen:
                seen.add(linked)
                waiting.append(linked)
    return Files(laid)


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leave links to folders out, which the site has no pages for; write bars of code in tables as HTML."""
    beside = Path(config.config_file_path).resolve().parent / Path(page.file.src_uri).parent
    linked = FOLDER_LINK.sub(lambda found: found[1] if (beside / found[2]).is_dir() else found[0], markdown)
    return BARRED.sub(lambda found: f"<code>{escape(found[1])}</code>".replace("\\|", "&#124;"), linked)


def _below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder)


def _file(uri: str, path: Path, config: MkDocsConfig) -> File:
    page = uri.startswith("docs/") and path.suffix == ".md"
    inclusion = InclusionLevel.INCLUDED if page else InclusionLevel.NOT_IN_NAV
    file = File.generated(config, uri, abs_src_path=str(path), inclusion=inclusion)
    placed = uri.removeprefix("docs/") if uri.startswith("docs/") else f"repository/{uri}"
    if path.suffix == ".md":
        stem = placed.removesuffix(".md")
        placed = "index.html" if stem == "index" else f"{stem}/index.html"
    file.dest_uri = placed
    return file
