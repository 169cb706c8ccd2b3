"""`bench check`: what of recorded sessions is whole, what is damaged, and how it is made whole again."""

from typing import Annotated

import typer

from bench.cli.options import Format, FormatOption, PathsArgument
from bench.cli.output import terminal, write


def check(
    paths: PathsArgument = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make anew what is damaged, from what is whole of its session.")
    ] = False,
    output: FormatOption = Format.table,
) -> None:
    """Read sessions whole: are their bytes those that were written? Default PATH: results. Deletes nothing.

    What is damaged is named: a journal's line, a table's row group, a segment. So is what can be made again
    from what, and what is lost. Sessions of an older bench have no checksums: they are read, no more.

    --repair makes tables, segments, journal and manifest anew from those of them that are whole. A damaged
    file that may hold what the new one does not stays beside it, as NAME.damaged. Never while a session is
    going on. Exit status 1 where a session is damaged and was not repaired, or where something is lost.
    """
    from bench.cli.recorded import warn
    from bench.records.checking import check_session
    from bench.records.listing import sessions_below
    from bench.views import checks as view

    sessions, notes = sessions_below(paths or ["results"])
    warn(notes)
    checked = [check_session(session) for session in sessions]
    if repair:
        from bench.records.repairing import repaired

        checked = [repaired(session, it) for session, it in zip(sessions, checked, strict=True)]
    if output is Format.table:
        terminal().print(view.checks_text(checked), soft_wrap=True)
    elif output is Format.md:
        write(view.checks_markdown(checked))
    elif output is Format.csv:
        write(view.checks_csv(checked))
    else:
        write(view.checks_json(checked))
    if any(it.verdict == "damaged" or it.lost for it in checked):
        raise typer.Exit(1)
