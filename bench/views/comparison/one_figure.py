"""Several runs against a side's only one, as a published figure is: on which side of it they are, how far."""

from collections.abc import Iterator, Mapping, Sequence

from bench.analysis.comparison import Comparison, ScenarioComparison, Verdict
from bench.analysis.estimates import OneFigure
from bench.views.format import several

_SAID: Mapping[Verdict, str] = {
    "below": "below {} in {}, {}",
    "above": "above {} in {}, {}",
    "no verdict": "now on this, now on that side of {} in {}",
}


def one_figure_sentences(comparison: Comparison, a: str, b: str) -> Iterator[str]:
    """ "B is below A's one figure in 4 of 4 rounds, 5 to 48 times (6 scenarios)."."""
    known = [(one, one.one_figure) for one in comparison.scenarios if one.one_figure is not None]
    for of_a, who, whom in ((True, b, f"{a}'s one figure"), (False, f"{b}'s one figure", a)):
        own = [(one, figure) for one, figure in known if (one.a.times < one.b.times) == of_a]
        if own:
            yield f"{who} is {_told(own, whom)}."


def _told(own: Sequence[tuple[ScenarioComparison, OneFigure]], whom: str) -> str:
    parts: list[str] = []
    for verdict, words in _SAID.items():
        figures = [figure for one, figure in own if one.verdict == verdict]
        if figures:
            said = words.format("it" if parts else whom, _rounds(figures, verdict), _times(figures))
            parts.append(said + _of(len(figures), len(own)))
    return "; ".join(parts)


def _rounds(figures: Sequence[OneFigure], verdict: Verdict) -> str:
    rounds = sorted({figure.rounds for figure in figures})
    if len(rounds) > 1:
        return f"{rounds[0]:,} to {rounds[-1]:,} rounds each"
    return (
        several(rounds[0], "round")
        if verdict == "no verdict"
        else f"{rounds[0]:,} of {several(rounds[0], 'round')}"
    )


def _times(figures: Sequence[OneFigure]) -> str:
    ends = [max(end, 1 / end) for figure in figures for end in (figure.least, figure.most)]
    least, most = (f"{end:.2g}" if end < 9.95 else f"{end:,.0f}" for end in (min(ends), max(ends)))
    return f"{least} times" if least == most else f"{least} to {most} times"


def _of(some: int, known: int) -> str:
    if some < known:
        return f" ({some:,} of {several(known, 'scenario')})"
    return "" if known == 1 else f" ({several(known, 'scenario')})"
