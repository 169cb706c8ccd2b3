"""One line for what a pydantic model refused: the key, what was given, and the nearest valid choice."""

import difflib
from collections.abc import Iterable

from pydantic import ValidationError

from bench.records.scenario import choices


def unknown_key(key: str, known: Iterable[str]) -> str:
    """`KEY: unknown key`, with the nearest known one, or all of them where none is near."""
    known = list(known)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return f"{key}: unknown key; {f'did you mean {near[0]}?' if near else 'the keys are ' + ', '.join(known)}"


def explain(error: ValidationError, known: Iterable[str]) -> str:
    """The first thing wrong in `error` as `KEY: what is wrong, not GIVEN; remedy`."""
    first = error.errors()[0]
    location, kind, given = first["loc"], first["type"], first["input"]
    key = str(location[0]) if location else ""
    if kind == "extra_forbidden":
        return unknown_key(key, known)
    if kind == "missing":
        return f"{key}: missing; give it a value"
    if kind == "value_error":
        return str(first["ctx"]["error"])
    if kind == "literal_error":
        return f"{key}: {_choice(str(given), choices(key))}"
    return f"{key}: {_need(first['msg'])}, not {given!r}"


def _choice(given: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown value {given!r}; {hint}the choices are {', '.join(names)}"


def _need(message: str) -> str:
    """pydantic's `Input should be …`, in the words of this program."""
    return message.replace("Input should be", "must be")
