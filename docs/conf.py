"""Sphinx configuration: pages in Markdown, and the API reference from the docstrings. `make docs` builds it.

rosdoc2 executes this file from another folder, with the installed package, so nothing here needs this file's place.
"""

import re
from pathlib import Path

import pose3d_ros

REPOSITORY = "https://github.com/pose3d-ros/pose3d_ros"

project = "pose3d_ros"
author = "pose3d_ros maintainers"
copyright = "pose3d_ros maintainers, Apache-2.0"
version = release = pose3d_ros.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx_copybutton"]
templates_path = ["_templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_heading_anchors = 4
default_role = "py:obj"
autodoc_typehints = "none"  # the sections of the docstrings have the types, with shapes and units
autodoc_member_order = "bysource"
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"pose3d_ros {release}"
html_theme_options = {"source_repository": REPOSITORY, "source_branch": "main", "source_directory": "docs/"}
html_static_path = ["_static"]
html_css_files = ["wide.css"]
pygments_style = "friendly"
copybutton_exclude = ".linenos, .gp"

# For rosdoc2: the pages and the reference are complete, and the theme is ours.
rosdoc2_settings = {"override_theme": False, "support_markdown": False, "enable_autodoc": False}

_OUTSIDE = re.compile(r"\]\(\.\./([^)#\s]+)(#[^)\s]*)?\)")
_PAGES = {"pose3d_ros/engines/README.md": "manifest.md", "CONTRIBUTING.md": "contributing.md"}


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
