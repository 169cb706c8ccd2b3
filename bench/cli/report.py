"""`bench report`: recorded sessions as one page for a browser."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import PathsArgument, WhereOption
from bench.cli.output import terminal
from bench.records.uri import local_path


def report(
    paths: PathsArgument = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            parser=local_path,
            help="The page; one that is there is replaced.",
        ),
    ] = Path("report.html"),
    where: WhereOption = None,
) -> None:
    """Write recorded runs as one page with tables and plots. Default PATH: results.

    The page holds all that it needs and opens in any browser, without a network.
    """
    from bench.analysis.findings import findings
    from bench.cli.recorded import recorded
    from bench.records.tables import timed_rows
    from bench.views.report import report_page

    tables = recorded(paths, where)
    found = findings(timed_rows(tables.runs), tables.epochs.to_pylist(), tables.machines.to_pylist())
    _write(output, report_page(found))
    terminal().print(f"Report: {output}", markup=False, highlight=False, soft_wrap=True)


def _write(output: Path, page: str) -> None:
    """Whole or not at all."""
    from bench.errors import BenchError

    temporary = output.with_name(f".{output.name}.part")
    try:
        temporary.write_text(page, encoding="utf-8", errors="replace")
        temporary.replace(output)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BenchError(f"{output}: cannot be written: {reason}; give another file by -o") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
