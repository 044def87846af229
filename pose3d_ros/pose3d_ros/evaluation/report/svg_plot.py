"""A figure of matplotlib as a part of a page: SVG that takes the page's text color."""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass

from matplotlib.figure import Figure

from pose3d_ros.drawing.plot_style import INK


@dataclass(frozen=True)
class Plot:
    """An SVG with its title and what it shows. wide: takes the page's whole width."""

    title: str
    caption: str
    svg: str
    wide: bool


def finished(figure: Figure, title: str, caption: str, *, wide: bool = False) -> Plot:
    """The figure as a part of a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Plot(title, caption, _inline(buffer.getvalue(), title), wide)


def plot_html(plot: Plot) -> str:
    """The plot with its title and caption."""
    wide = " wide" if plot.wide else ""
    return (
        f'<figure class="plot{wide}"><h3>{html.escape(plot.title)}</h3>{plot.svg}'
        f"<p>{html.escape(plot.caption)}</p></figure>"
    )


def _inline(svg: str, title: str) -> str:
    """The SVG element alone, its ids unique in the page, its lines in the page's text color, its size free."""
    body = svg[svg.index("<svg") :]
    prefix = re.sub(r"[^a-z]", "", title.lower())
    body = re.sub(r'(id="|url\(#|href="#)', lambda m: f"{m.group(1)}{prefix}-", body)
    body = re.sub(
        r'<svg [^>]*viewBox="([^"]+)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{title}">', body, count=1
    )
    return body.replace(INK, "currentColor").replace("xlink:href", "href")
