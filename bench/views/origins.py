"""Sessions, machines and software where figures of several stand side by side: numbers, and words."""

from collections.abc import Iterable, Mapping, Sequence

from bench.analysis.machines import distinct_names
from bench.analysis.origin import Origin

_FEWEST_DIGITS = 4


def origin_numbers(origins: Iterable[Origin]) -> dict[Origin, str]:
    """A number for each where there are several, sessions in their order: names are too long for a column."""
    ordered = sorted(set(origins), key=_order)
    return {origin: str(number) for number, origin in enumerate(ordered, 1)} if len(ordered) > 1 else {}


def origin_names(origins: Iterable[Origin]) -> dict[Origin, str]:
    """What tells each from the others: its session, its machine, its software; empty of one alone."""
    every = list(dict.fromkeys(origins))
    machines = distinct_names((origin.machine_id, origin.machine) for origin in every)
    several_sessions, several_machines = (len(set(of)) > 1 for of in (_sessions(every), _machines(every)))
    software = _software(every)
    return {
        origin: ", ".join(
            [
                *([origin.session_id or ""] if several_sessions else []),
                *([machines.get(origin.machine_id or "", origin.machine)] if several_machines else []),
                *([software[origin]] if origin in software else []),
            ]
        )
        for origin in every
    }


def told_by(origins: Iterable[Origin]) -> str:
    """What the names of `origin_names` are of: "session", "machine", or "on" where it is more than one."""
    every = list(set(origins))
    kinds = [
        *(["session"] if len(set(_sessions(every))) > 1 else []),
        *(["machine"] if len(set(_machines(every))) > 1 else []),
        *(["software"] if _software(every) else []),
    ]
    return kinds[0] if len(kinds) == 1 else "on"


def _order(origin: Origin) -> tuple[str, ...]:
    return (origin.session_id or "", origin.machine, origin.machine_id or "", origin.software_id or "")


def _sessions(origins: Iterable[Origin]) -> list[str | None]:
    return [origin.session_id for origin in origins]


def _machines(origins: Iterable[Origin]) -> list[tuple[str, str | None]]:
    return [(origin.machine, origin.machine_id) for origin in origins]


def _software(origins: Sequence[Origin]) -> Mapping[Origin, str]:
    """By as much of their ids as tells them apart, where one session or machine had several."""
    ids = {origin.software_id for origin in origins if origin.software_id}
    of: dict[tuple[object, ...], set[str | None]] = {}
    for origin in origins:
        of.setdefault((origin.session_id, origin.machine, origin.machine_id), set()).add(origin.software_id)
    if all(len(own) == 1 for own in of.values()):
        return {}
    lengths = range(_FEWEST_DIGITS, max(map(len, ids), default=0))
    digits = next((n for n in lengths if len({i[:n] for i in ids}) == len(ids)), None)
    return {origin: f"software {(origin.software_id or 'unknown')[:digits]}" for origin in origins}
