"""`bench list`: which sessions there are, how far they are, and what they take."""

from bench.cli.options import Format, FormatOption, PathsArgument
from bench.cli.output import terminal, write


def list_(paths: PathsArgument = None, output: FormatOption = Format.table) -> None:
    """List recorded sessions: runs, how far each is, and its size. Default PATH: results.

    A session has ended, is going on (a living process writes it), or was interrupted, which bench run
    --resume goes on with. Where neither a lock nor the file that whoever writes refreshes tells, it has not
    ended. Rows are not read: bench check finds what is damaged.
    """
    from bench.cli.recorded import warn
    from bench.records.listing import list_sessions
    from bench.views import sessions as view

    listing = list_sessions(paths or ["results"])
    warn([*listing.notes, *(it.problem for it in listing.sessions if it.problem)])
    if output is Format.table:
        terminal().print(view.sessions_table(listing.sessions))
    elif output is Format.md:
        write(view.sessions_markdown(listing.sessions))
    elif output is Format.csv:
        write(view.sessions_csv(listing.sessions))
    else:
        write(view.sessions_json(listing.sessions))
