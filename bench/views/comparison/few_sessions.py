"""What can be said of sessions that are too few for a verdict, and the commands that lead to one."""

from collections.abc import Iterator

from bench.analysis.comparison import Comparison, Overall, ScenarioComparison
from bench.analysis.decision import FEWEST_SESSIONS
from bench.views.comparison import words
from bench.views.format import several, spelled

_PLACES = ("machine", "node")


def few_sessions_sentence(comparison: Comparison, overall: Overall, a: str, b: str) -> str:
    """ "In these two sessions B took 0.88 of A's time; how far sessions … differ is unknown: run …"."""
    basis = comparison.basis
    number = spelled(basis.sessions_a + basis.sessions_b)
    each = "" if basis.sessions_a == basis.sessions_b else f" ({basis.sessions_a:,} and {basis.sessions_b:,})"
    measure = words.measure(overall.metric)
    took = (
        f"no mean can be told ({overall.reason})"
        if overall.ratio is None
        else f"{b} took {words.figure(overall.ratio)} of {a}'s {measure}{_range(comparison, overall)}"
    )
    return (
        f"In these {number} sessions{each} {took}; how far sessions of one machine differ is unknown: "
        f"run each side {spelled(FEWEST_SESSIONS)} times, in turns."
    )


def _range(comparison: Comparison, overall: Overall) -> str:
    """From which ratio to which they are, where there are several."""
    ratios = [one.ratio for one in words.estimated(comparison, overall.metric) if one.ratio is not None]
    if len(ratios) < 2:
        return ""
    ends = " to ".join(words.figure(end) for end in (min(ratios), max(ratios)))
    return f" ({ends} in {several(len(ratios), 'scenario')})"


def advice(comparison: Comparison) -> Iterator[str]:
    """The commands, indented; nothing where sessions are enough, or where a side is one published figure."""
    if comparison.basis.unit != "none" or not any(map(_lacks_sessions, comparison.scenarios)):
        return
    run = "bench run SUITE --results results-"
    if any(found.name in _PLACES for found in comparison.differences):
        yield "On both machines at the same time:"
        yield f"  {run}a --sessions {FEWEST_SESSIONS}  # on A's machine"
        yield f"  {run}b --sessions {FEWEST_SESSIONS}  # on B's machine"
    else:
        turns = " ".join(str(turn) for turn in range(1, FEWEST_SESSIONS + 1))
        yield "In turns:"
        yield f"  for turn in {turns}; do"
        yield f"    {run}a  # as A was run"
        yield f"    {run}b  # as B was run"
        yield "  done"
    yield "  bench compare results-a results-b"
    if settings := [found.name for found in comparison.differences if found.kind == "settings"]:
        yield (
            f"Or put both into one suite (matrix.{settings[0]} = […]): what differs within a session shows "
            "from four rounds on."
        )


def _lacks_sessions(one: ScenarioComparison) -> bool:
    return one.verdict == "no verdict" and one.one_figure is None
