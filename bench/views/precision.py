"""Which scenarios are known as precisely as was asked for, in words."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from bench.analysis.origin import Origin
from bench.analysis.summary import ScenarioSummary
from bench.views.format import count, full_name, percent, several
from bench.views.repetition import rounds, within


def precision_lines(summaries: Iterable[ScenarioSummary], numbers: Mapping[Origin, str]) -> Iterable[str]:
    """Which scenarios reached the precision that was asked for, and how near the others came.

    One line per session, machine, precision and limit of rounds; `numbers` are those of `origin_numbers`.
    """
    asked = [summary for summary in summaries if summary.wanted_precision is not None]

    def order(summary: ScenarioSummary) -> tuple[int, float, int]:
        return int(numbers.get(summary.origin, 0)), *_asked(summary)

    for (number, *_), members in groupby(sorted(asked, key=order), key=order):
        line = f"{f'On {number} ' if number else ''}{' '.join(_sentences(list(members)))}"
        yield line[0].upper() + line[1:]


def _asked(summary: ScenarioSummary) -> tuple[float, int]:
    return summary.wanted_precision or 0.0, summary.max_rounds or 0


def _sentences(alike: Sequence[ScenarioSummary]) -> Iterable[str]:
    wanted, most = _asked(alike[0])
    reached = sorted(s.rounds for s in alike if s.precision_reached)
    after = f", after {rounds(reached[0], reached[-1])}" if reached else ""
    yield f"{within(wanted)}: {count(len(reached))} of {several(len(alike), 'scenario')}{after}."
    missed = [s for s in alike if not s.precision_reached]
    at_the_limit = [f"{_name(s)} ({_how_near(s)})" for s in missed if s.rounds >= most]
    if at_the_limit:
        yield f"At {several(most, 'round')} still wider: {', '.join(at_the_limit)}."
    earlier = [f"{_name(s)} ({_how_near(s, when=True)})" for s in missed if s.rounds < most]
    if earlier:
        yield f"Ended earlier: {', '.join(earlier)}."


def _name(summary: ScenarioSummary) -> str:
    return full_name(summary.sweep, summary.label)


def _how_near(summary: ScenarioSummary, when: bool = False) -> str:
    if summary.step_precision is None:
        return f"no interval: {summary.ok} of {several(summary.runs, 'run')} ok"
    after = f" after {several(summary.rounds, 'round')}" if when else ""
    return f"±{percent(summary.step_precision)}{after}"
