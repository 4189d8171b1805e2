"""`python -m tools.site`, which `bin/docs` runs: builds the docs site in build/site. Any warning fails it.

The pages are gathered in build/docs first. There README.md and the other pages at the root of the repository have
places of their own, and links to source files, which are no part of the site, become plain text; with REPOSITORY_URL
(https://…/blob/main) they lead to the repository.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.documents import ROOT

DOCS: Final = ROOT / "docs"
BUILD: Final = ROOT / "build"
AT_ROOT: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Pages outside docs/, and what they are called on the site."""
LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]+)?\)")


def gather(into: Path, repository: str = "") -> None:
    """Write the pages of the site.

    Args:
        into: The folder, which is made anew.
        repository: URL under which the repository's files can be seen; empty for none.
    """
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(DOCS, into)
    sources = {into / target: ROOT / name for name, target in AT_ROOT.items()}
    for page, source in sources.items():
        shutil.copy(source, page)
    for page in into.rglob("*.md"):
        source = sources.get(page, DOCS / page.relative_to(into))
        text = page.read_text(encoding="utf-8")
        if source == DOCS / "decisions" / "README.md":
            text += decisions()
        page.write_text(with_links(text, source, repository), encoding="utf-8")


def decisions() -> str:
    """A list of the decisions, for the site's page about them."""
    pages = sorted((DOCS / "decisions").glob("0*.md"))
    titles = [(page.name, page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")) for page in pages]
    return "\n" + "".join(f"- [{title}]({name})\n" for name, title in titles)


def with_links(text: str, source: Path, repository: str) -> str:
    """The text of a page with links that hold on the site.

    Args:
        text: Markdown.
        source: The page's place in the repository.
        repository: As in `gather`.
    """
    folder = Path() if source.parent == ROOT else source.parent.relative_to(DOCS)

    def rewritten(link: re.Match[str]) -> str:
        image, label, target, anchor = link[1], link[2], link[3], link[4] or ""
        place = Path(os.path.normpath(source.parent / target))
        if place.is_relative_to(DOCS) and place.is_file():
            return f"{image}[{label}]({os.path.relpath(place.relative_to(DOCS), folder)}{anchor})"
        name = str(place.relative_to(ROOT))
        if name in AT_ROOT:
            return f"{image}[{label}]({os.path.relpath(AT_ROOT[name], folder)}{anchor})"
        return f"[{label}]({repository.rstrip('/')}/{name})" if repository else label

    return LINK.sub(rewritten, text)


def main() -> int:
    """Build the site. Returns the exit code of the builder."""
    gather(BUILD / "docs", os.environ.get("REPOSITORY_URL", ""))
    builder = Path(sys.executable).parent / "zensical"
    done = subprocess.run([builder, "build", "--clean", "--strict"], cwd=ROOT, check=False)
    if done.returncode == 0:
        sys.stdout.write(f"{(BUILD / 'site' / 'index.html').relative_to(ROOT)}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
