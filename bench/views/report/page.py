"""The report as one HTML page that needs nothing else: no network, no other file."""

import itertools
from collections.abc import Callable

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.io import to_html
from plotly.offline import get_plotlyjs

from bench.analysis.findings import Findings
from bench.views.report.content import machines, sections, tiles

CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d"],
    "showSendToCloud": False,  # plotly.js 4 has a button, unless told, that uploads the figure
}


def report_page(found: Findings) -> str:
    """The whole page. The same findings give the same page."""
    environment = Environment(
        loader=PackageLoader("bench.views.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        title=", ".join(dict.fromkeys(summary.suite for summary in found.summaries)),
        machines=machines(found),
        tiles=tiles(found),
        sections=sections(found),
        plotly=Markup(get_plotlyjs()),
        draw=_drawing(),
    )


def _drawing() -> Callable[[go.Figure], Markup]:
    """Makes HTML of each figure; they are numbered, since plotly's random ids would differ each time."""
    numbers = itertools.count(1)

    def draw(figure: go.Figure) -> Markup:
        html = to_html(
            figure,
            include_plotlyjs=False,
            full_html=False,
            config=CONFIG,
            div_id=f"plot-{next(numbers)}",
            default_height=f"{figure.layout.height}px",
        )
        return Markup(html)

    return draw
