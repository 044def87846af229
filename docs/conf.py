"""Sphinx configuration: pages in Markdown, and the API reference from the docstrings. `make docs` builds it.

rosdoc2 executes it too, from another folder.
"""

import re
from importlib.util import find_spec
from pathlib import Path

import pose3d_ros

REPOSITORY = "https://github.com/pose3d-ros/pose3d_ros"

project = "pose3d_ros"
author = "pose3d_ros maintainers"
copyright = "pose3d_ros maintainers, Apache-2.0"
version = release = pose3d_ros.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
templates_path = ["_templates"]
# Pages that include a file from outside; rosdoc2 copies docs/ alone, so there links lead to the repository instead.
_INCLUDED = {"pose3d_ros/engines/README.md": "manifest.md", "CONTRIBUTING.md": "contributing.md"}
_PAGES = {file: page for file, page in _INCLUDED.items() if Path("..", file).is_file()}
exclude_patterns = sorted(set(_INCLUDED.values()) - set(_PAGES.values()))
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_heading_anchors = 4
default_role = "py:obj"
autodoc_typehints = "none"  # the sections of the docstrings have the types, with shapes and units
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_title = f"pose3d_ros {release}"
if find_spec("furo"):  # rosdoc2 has a theme of its own
    html_theme = "furo"
    html_theme_options = {"source_repository": REPOSITORY, "source_branch": "main", "source_directory": "docs/"}
html_static_path = ["_static"]
html_css_files = ["wide.css"]
pygments_style = "friendly"

_OUTSIDE = re.compile(r"\]\(\.\./([^)#\s]+)(#[^)\s]*)?\)")


def _link(match: "re.Match[str]") -> str:
    """A link that leads out of docs/: to the page that includes the file, or to the repository."""
    path, anchor = match[1], match[2] or ""
    kind = "tree" if not Path(path).suffix and path != "LICENSE" else "blob"
    return f"]({_PAGES[path]}{anchor})" if path in _PAGES else f"]({REPOSITORY}/{kind}/main/{path}{anchor})"


def rewrite_links(app: object, docname: str, source: list[str]) -> None:
    """Let links that leave docs/ lead somewhere on the web; in the repository they are relative."""
    source[0] = _OUTSIDE.sub(_link, source[0])


def rewrite_included(app: object, relative_path: Path, parent: str, content: list[str]) -> None:
    """Do the same in included files, whose links start at their own folders."""
    text = re.sub(r"\]\((?:\.\./\.\./|)docs/([^)\s]+)\)", r"](\1)", content[0])
    content[0] = re.sub(
        r"\]\((?!https?:|#|[a-z]+\.md)([^)\s]+)\)", lambda m: f"]({REPOSITORY}/blob/main/{m[1].lstrip('./')})", text
    )


def setup(app: object) -> None:
    """Connect the two rewritings."""
    app.connect("source-read", rewrite_links)  # type: ignore[attr-defined]
    app.connect("include-read", rewrite_included)  # type: ignore[attr-defined]
