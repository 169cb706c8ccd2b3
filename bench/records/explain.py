"""One line for what a pydantic model refused: the key, what was given, and the nearest valid choice."""

import datetime
import difflib
import json
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from bench.records.scenario import choices

_LONGEST = 80  # characters of a value that an error line repeats
_KINDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "finite_number": "must be a finite number",
}


def as_toml(value: object) -> str:
    """`value` as a suite would write it, on one line, its middle left out where it is long."""
    text = _toml(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 4 :]}"


def as_key(key: str) -> str:
    """`key` as a suite would write it: bare where it can be, else in quotes, so that it stays on one line."""
    return key if key and key.isprintable() else json.dumps(key)


def unknown_key(key: str, known: Iterable[str]) -> str:
    """`KEY: unknown key`, with the nearest known one, or all of them where none is near."""
    known = list(known)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
    return f"{as_key(key)}: unknown key; {remedy}"


def explain(error: ValidationError, known: Iterable[str]) -> str:
    """The first thing wrong in `error` as `KEY: what is wrong, not GIVEN; remedy`."""
    # A key misspelled is both unknown and missing, and the first says more.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    location, kind, given = first["loc"], first["type"], first["input"]
    key = str(location[0]) if location else ""
    if kind == "extra_forbidden":
        return unknown_key(key, known)
    if kind == "missing":
        return f"{key}: missing; give it a value"
    if kind == "value_error":
        return str(first["ctx"]["error"])
    if kind == "literal_error":
        return f"{key}: {_choice(given, choices(key))}{_as_axis(key, given)}"
    need = _KINDS.get(kind) or first["msg"].replace("Input should be", "must be")
    return f"{key}: {need}, not {as_toml(given)}{_as_axis(key, given)}"


def _choice(given: object, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f"did you mean {as_toml(near[0])}? " if near else ""
    return f"unknown value {as_toml(given)}; {hint}the choices are {', '.join(names)}"


def _as_axis(key: str, given: object) -> str:
    """The remedy for a list given where a single value is needed."""
    return f"; for several values write matrix.{key} = [ … ]" if isinstance(given, list | tuple) else ""


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{as_key(k)} = {_toml(v)}' for k, v in value.items())}}}"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, bool):
        return json.dumps(value)
    return str(value)
