"""Templates: what a page's own names mean is not changed by the template around it."""

from pathlib import Path

from jinja2 import Environment, nodes

from api.console.html import HERE

TEMPLATES = HERE / "templates"


def own_names(template: Path) -> set[str]:
    """What a template defines for all of its blocks."""
    tree = Environment(autoescape=True).parse(template.read_text(encoding="utf-8"))
    macros = {node.name for node in tree.body if isinstance(node, nodes.Macro)}
    values = {
        node.target.name for node in tree.body if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name)
    }
    return macros | values


def test_no_name_of_a_page_is_one_of_the_template_around_it() -> None:
    """Jinja runs what is around a page after the page: its names win, and links of the page would lead nowhere."""
    around = {path: own_names(path) for path in (*TEMPLATES.glob("*shell.html"), *TEMPLATES.glob("*/shell.html"))}
    assert any(around.values()), "else nothing is looked at"
    clashes = {
        (str(page.relative_to(TEMPLATES)), name)
        for page in TEMPLATES.rglob("*.html")
        if page not in around
        for shell in around.values()
        for name in own_names(page) & shell
    }
    assert clashes == set()
