"""The lines of a journal: which are whole, which entry of its session each is, and what is damaged."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.records.seal import BEGINNING, is_whole

_HEAD = re.compile(rb'\{"crc32": "[0-9a-f]{8}", "entry": ([0-9]{1,18}), "kind": ')
_NUMBERED = re.compile(rb'.{0,64}"entry": ')  # no line of a bench that sealed none
_MOST_NAMED = 8


class Line(NamedTuple):
    """A whole line with its end, the entry that it is, its number in its file, and whether it is sealed."""

    data: bytes
    entry: int
    number: int
    sealed: bool


@dataclass
class Damage:
    """What of a journal, named as `where`, cannot be read: lines by their numbers, and entries before some.

    `raw` has each such line as it is.
    """

    where: str
    lines: list[int] = field(default_factory=list)
    missing: list[tuple[int, int]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def line(self, number: int, data: bytes) -> None:
        """That line is damaged."""
        if number not in self.lines[-1:]:
            self.lines.append(number)
        self.raw.append(data)

    def gap(self, number: int, entries: int) -> None:
        """So many entries before that line are missing."""
        self.missing.append((number, entries))

    def notes(self) -> list[str]:
        """A line on each."""
        again = "`bench run --resume` runs again what was in"
        named = [f"{self.where}:{number}: damaged, left out; {again} it" for number in self.lines]
        more = len(named) - _MOST_NAMED
        if more > 0:
            rest = f"{self.where}: and {more} more damaged lines, the last of them {self.lines[-1]}"
            named[_MOST_NAMED:] = [rest]
        return named + [
            f"{self.where}:{number}: {_entries(count)} before it missing; {again} them"
            for number, count in self.missing
        ]


class Lines:
    """The whole lines of a journal, one after the other, from the entry `since` on; see `damage` afterwards.

    Entries are numbered through a session. Lines of a bench that sealed none may stand before the first
    sealed one, and are numbered by where they stand. A last line that a kill cut short is left out in
    silence, others that are not whole are damage; what is whole behind a damaged byte is found.

    `first` is the number of the first entry as it was written, None where nothing is whole; `last` is that
    of the last one so far.
    """

    def __init__(self, file: Iterable[bytes], where: str, since: int = 1) -> None:
        self.damage = Damage(where)
        self.first: int | None = None
        self.last = 0
        self._file, self._since = file, since
        self._sealed = False
        self._lost = 0  # lines since the last whole one

    def __iter__(self) -> Iterator[Line]:
        for number, raw in enumerate(self._file, start=1):
            if raw.endswith(b"\n") and (found := self._line(raw, number)):
                whole = [found]
            else:
                whole = list(self._pieces(raw, number))
            for line in whole:
                if self._follows(line) and line.entry >= self._since:
                    yield line

    @property
    def next_entry(self) -> int:
        """The number of the entry behind what was read so far, lines that are damaged included."""
        return self.last + self._lost + 1

    def _line(self, data: bytes, number: int) -> Line | None:
        if head := _HEAD.match(data):
            if not is_whole(data):
                return None
            self._sealed = True
            return Line(data, int(head[1]), number, True)
        if self._sealed or data.startswith(BEGINNING) or _NUMBERED.match(data):
            return None
        return Line(data, self.next_entry, number, False)

    def _pieces(self, raw: bytes, number: int) -> Iterator[Line]:
        """The whole lines in one of which a byte is damaged: that between two lines, or before one."""
        begins = [at.start() for at in re.finditer(re.escape(BEGINNING), raw)]
        for begin, end in zip([0, *begins], [*begins, len(raw)], strict=True):
            piece = raw[begin:end]
            kept = next((it for it in (piece, piece[:-1]) if is_whole(it)), None)
            if kept and (found := self._line(kept.removesuffix(b"\n") + b"\n", number)):
                yield found
            elif piece and (end < len(raw) or raw.endswith(b"\n")):
                self._lost += 1
                self.damage.line(number, raw)

    def _follows(self, line: Line) -> bool:
        """Whether it is behind all before it; what is missing in between is damage."""
        if self.first is None:
            self.first = line.entry - self._lost
            if self.first > self._since:
                self.damage.gap(line.number, self.first - self._since)
        elif line.entry <= self.last:
            self.damage.line(line.number, line.data)
            return False
        elif (missing := line.entry - max(self.last, self._since - 1) - 1 - self._lost) > 0:
            self.damage.gap(line.number, missing)
        self.last, self._lost = line.entry, 0
        return True


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"
