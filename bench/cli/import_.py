"""`bench import`: sessions of other machines, copied into a folder of results."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.output import say, terminal
from bench.uri import ResultsAt, results_at

if TYPE_CHECKING:
    from bench.records.importing import Destination


def import_(
    sessions: Annotated[
        list[str],
        typer.Argument(
            metavar="SESSION...",
            help="Session folders, or folders that hold some, here or elsewhere (s3://…).",
        ),
    ],
    results: Annotated[
        ResultsAt,
        typer.Option(
            "--results",
            metavar="PATH",
            parser=results_at,
            help="Where they are copied to, on this machine or elsewhere (s3://…).",
        ),
    ] = ResultsAt(Path("results")),  # noqa: B008 -- frozen
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Copy sessions into --results, each verified by its checksums on the way, and each once.

    One that is there already stays as it is, unless this copy holds each of its runs and more: then the
    longer one takes its place. Where both were gone on with, neither is touched. One that was interrupted is
    copied as it is; one that is going on, or is damaged, is not. Exit status 1 where some were not.
    """
    from bench.cli.recorded import warn
    from bench.records.importing import Importer
    from bench.views.imports import line

    importer, refused = Importer(sessions, _destination(results), dry_run), 0
    console = terminal()
    warn(importer.notes)
    for imported in importer:
        say(console, line(imported, dry_run))
        refused += imported.outcome == "refused"
    if refused:
        raise typer.Exit(1)


def _destination(results: ResultsAt) -> "Destination":
    if results.folder:
        from bench.records.put_in_place import LocalDestination

        return LocalDestination(results.folder)
    from bench.records.remote.importing import RemoteDestination
    from bench.records.remote.place import Place

    return RemoteDestination(Place.of(results.uri))
