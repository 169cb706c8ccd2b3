"""Runs by where they ran, as sides that are held against each other."""

from collections import defaultdict

from bench.records.run_table import RunTable

_WORDS = ("software {:.8}", "session {}")
"""How sides of one machine are told apart."""


def machine_sides(runs: RunTable, by_session: bool = False) -> dict[str, RunTable]:
    """The runs by where they ran, hardware and software, under the machine's name, which tells it apart.

    With the first digits of its software where one machine had several, and, `by_session`, with the session
    where it had several of them.
    """
    names = ("machine", "software_id", "session_id") if by_session else ("machine", "software_id")
    columns = [runs.codes(name) for name in names]
    groups = runs.groups(*names)
    keys = [tuple(column[rows[0]] or "unknown" for column in columns) for rows in groups]
    of_machine: dict[str, list[set[str]]] = defaultdict(lambda: [set() for _ in names[1:]])
    for machine, *others in keys:
        for known, other in zip(of_machine[machine], others, strict=True):
            known.add(other)
    found = {}
    for (machine, *others), rows in zip(keys, groups, strict=True):
        told = (
            _WORDS[place].format(other)
            for place, other in enumerate(others)
            if len(of_machine[machine][place]) > 1
        )
        found[", ".join((machine, *told))] = runs.take(rows)
    return found
