"""Reading what XLA wrote with --xla_dump_to: a program's innermost loops, and what a turn of one starts."""

import re
from collections import Counter
from dataclasses import dataclass

# Instructions that start nothing on the device: names for values, and control.
FREE = frozenset(
    {
        *("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "partition-id"),
        *("while", "conditional", "call", "opt-barrier", "replica-id", "copy-done", "async-done"),
    }
)
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\{\s*$")
_COMPUTATION_PLAIN = re.compile(r"^(?:ENTRY )?%?([\w.\-]+)(?: \{|, .*\{)\s*$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = (?:\(.*?\) |\S+ )([a-z][\w\-]*)\(")
_CALLED = re.compile(r"(?:to_apply|body|condition|calls)=%?([\w.\-]+)")
_BODY = re.compile(r"body=%?([\w.\-]+)")
_TRIPS = re.compile(r'known_trip_count\\?":\{\\?"n\\?":\\?"(\d+)')


@dataclass(frozen=True)
class Loop:
    """A loop of the program: how often the compiler knows it to turn (None: it asks), what a turn starts."""

    body: str
    trip_count: int | None
    started: Counter
    in_graphs: int
    """Of these, how many are in command buffers: started together."""

    @property
    def total(self):
        return sum(self.started.values())


def computations(text):
    """The lines of every computation by its name."""
    found, name = {}, None
    for line in text.splitlines():
        begun = _COMPUTATION.match(line) or _COMPUTATION_PLAIN.match(line)
        if begun and not line.startswith("HloModule"):
            name = begun.group(1)
            found[name] = []
        elif line.startswith("}"):
            name = None
        elif name is not None:
            found[name].append(line)
    return found


def loops(text):
    """The innermost loops of an optimised program, the busiest first."""
    found = computations(text)
    whiles = [line for lines in found.values() for line in lines if opcode(line) == "while"]
    inner = [line for line in whiles if not _has_loop(found, _BODY.search(line).group(1))]
    read = [_loop(found, line) for line in inner if _BODY.search(line).group(1) in found]
    return sorted(read, key=lambda loop: -loop.total)


def opcode(line):
    told = _INSTRUCTION.match(line)
    return told.group(1) if told else None


def _loop(found, line):
    body, trips = _BODY.search(line).group(1), _TRIPS.search(line)
    started, in_graphs = _started(found, body)
    return Loop(body, int(trips.group(1)) if trips else None, started, in_graphs)


def _started(found, name):
    """What a computation starts, those that it calls included, and how many of that in command buffers."""
    started, in_graphs = Counter(), 0
    for line in found.get(name, []):
        kind = opcode(line)
        if kind == "call":
            called = _CALLED.search(line).group(1)
            more, deeper = _started(found, called)
            started += more
            in_graphs += sum(more.values()) if "command_buffer" in called else deeper
        elif kind and kind not in FREE:
            started[kind] += 1
    return started, in_graphs


def _has_loop(found, name):
    lines = found.get(name, [])
    if any(opcode(line) == "while" for line in lines):
        return True
    called = [_CALLED.search(line).group(1) for line in lines if opcode(line) == "call"]
    return any(_has_loop(found, one) for one in called)
