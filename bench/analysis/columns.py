"""The columns that the summaries of sessions read: rows of all that there are would take twice the memory."""

from bench.analysis import comparison, drift, nodes, overhead, scaling, sessions, summary, surface

TABLE_COLUMNS = tuple(
    dict.fromkeys(
        [
            *(*summary.RUN_COLUMNS, *sessions.RUN_COLUMNS, *surface.RUN_COLUMNS),
            *(*scaling.RUN_COLUMNS, *nodes.RUN_COLUMNS),
        ]
    )
)
"""Of `runs`, what the tables of `bench show` are made from."""
OF_ONE_SESSION = tuple(dict.fromkeys([*TABLE_COLUMNS, *comparison.RUN_COLUMNS]))
"""The same where one session is shown, whose settings are held against each other."""
SUMMED_UP = tuple(dict.fromkeys([*OF_ONE_SESSION, *overhead.RUN_COLUMNS]))
"""Of `runs`, what the end of `bench run` is made from: these tables, and where the time went."""
SUMMED_UP_MACHINES = tuple(dict.fromkeys([*drift.MACHINE_COLUMNS, *overhead.MACHINE_COLUMNS]))
"""The same of `machines`."""
