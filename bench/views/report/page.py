"""The report as one HTML page that needs nothing else: no network, no other file."""

import itertools
from collections.abc import Callable

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.io import to_html
from plotly.offline import get_plotlyjs

from bench.analysis.cost import Costs
from bench.analysis.findings import Findings
from bench.views.report.content import machines, sections, tiles
from bench.views.report.costs import cost_sections
from bench.views.report.parts import Section

CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d"],
    "showSendToCloud": False,  # plotly.js 4 has a button, unless told, that uploads the figure
}


def report_page(found: Findings, costs: Costs | None = None) -> str:
    """The whole page, with `costs` where prices were asked for. The same findings give the same page."""
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
        sections=_with_costs(sections(found), costs),
        plotly=Markup(get_plotlyjs()),
        draw=_drawing(),
    )


def _with_costs(parts: list[Section], costs: Costs | None) -> list[Section]:
    """They stand below the suites."""
    first = next((n for n, part in enumerate(parts) if not part.anchor.startswith("suite-")), len(parts))
    return [*parts[:first], *cost_sections(costs), *parts[first:]]


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
