"""`bench compare`: how B's times stand to A's."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Format, FormatOption
from bench.cli.output import terminal, write

if TYPE_CHECKING:
    from bench.analysis.verdict import Metric


class MetricName(StrEnum):
    """The times that can be compared."""

    step_seconds = "step_seconds"
    train_seconds = "train_seconds"
    wall_seconds = "wall_seconds"
    target_seconds = "target_seconds"


def compare(
    a: Annotated[
        str, typer.Argument(metavar="A", help="A session's folder, or a folder of sessions: the baseline.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The same: what is held against it.")],
    metric: Annotated[
        MetricName | None,
        typer.Option("--metric", help="The time to compare, in place of each scenario's usual one."),
    ] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Of every interval.")] = 0.95,
    delta: Annotated[
        float, typer.Option("--delta", help="Margin within which times count as the same.")
    ] = 0.01,
    force: Annotated[
        bool, typer.Option("--force", help="Compare even what makes times incomparable.")
    ] = False,
    output: FormatOption = Format.table,
) -> None:
    """Compare two sessions, or two folders of them, scenario by scenario and overall."""
    from bench.analysis.comparison import RUN_COLUMNS
    from bench.analysis.comparison import compare as compare_runs
    from bench.analysis.drift import changes
    from bench.analysis.machines import told_apart
    from bench.cli.recorded import read
    from bench.records.run_table import RunTable
    from bench.records.tables import schema_of
    from bench.views import comparison as view
    from bench.views.export import markdown_words
    from bench.views.probe import change_lines
    from bench.views.visible import visible, visible_table

    shown = visible_table if output in (Format.table, Format.md) else lambda table: table
    sides = told_apart(
        [read([path], {"runs": RUN_COLUMNS, "machines": schema_of("machines").names}) for path in (a, b)]
    )
    runs = [RunTable(shown(t.runs)) for t in sides]
    machines = [shown(t.machines).to_pylist() for t in sides]
    chosen: Metric | None = metric.value if metric else None
    result = compare_runs(
        runs[0],
        machines[0],
        runs[1],
        machines[1],
        confidence=confidence,
        delta=delta,
        metric=chosen,
        force=force,
    )
    apart = changes(*machines)
    names = visible(a), visible(b)
    if output is Format.table:
        console = terminal()
        for renderable in (view.comparison_table(result, *names), *change_lines(apart)):
            console.print(renderable)
        return
    moved = (markdown_words(line.plain) for line in change_lines(apart))
    text = {
        Format.csv: lambda: view.as_csv(result),
        Format.md: lambda: "\n".join([view.as_markdown(result, *names), *(f"{line}\n" for line in moved)]),
        Format.json: lambda: view.as_json(result, a, b),
    }[output]()
    write(text)
