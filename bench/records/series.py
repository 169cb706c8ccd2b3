"""Sessions that one command makes in a row: which of them a session is, as its header tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

KEY = "series"
"""Of a session's header. One that was made alone has none."""


@dataclass(frozen=True)
class Series:
    """The place of a session in a row: of how many `sessions`, and the names of those `before` it."""

    sessions: int = 1
    before: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """Which of them it is, from 1."""
        return len(self.before) + 1

    @property
    def is_last(self) -> bool:
        """Whether none comes after it."""
        return self.number >= self.sessions

    def header(self) -> dict[str, Any]:
        """What the session's header tells of it: nothing where it is alone."""
        if self.sessions == 1:
            return {}
        return {KEY: {"sessions": self.sessions, "before": list(self.before)}}

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Self:
        """That of a session with this header; one alone where it tells none, or not as bench writes it."""
        told = header.get(KEY)
        told = told if isinstance(told, dict) else {}
        sessions, before = told.get("sessions", 1), told.get("before", [])
        if type(sessions) is not int or not isinstance(before, list):
            return cls()
        names = tuple(name for name in before if isinstance(name, str))
        return cls(max(sessions, len(names) + 1), names)
