"""What all scenarios that are compared by one time come to: "B is 1.30 times slower (1.26 to 1.34) in …"."""

import math
from collections.abc import Mapping
from dataclasses import replace

from bench.analysis.comparison import Comparison, Overall, Verdict
from bench.analysis.sides import Basis
from bench.views.comparison import words
from bench.views.format import several

_COUNTED: tuple[Verdict, ...] = ("faster", "slower", "same", "unclear", "no verdict")
_AS_WORDS: Mapping[Verdict, str] = {"same": "the same", "no verdict": "without a verdict"}
Interval = tuple[float, float]


def mean_sentence(comparison: Comparison, overall: Overall, a: str, b: str) -> str:
    """What the mean of several scenarios says, or of a single one its own interval."""
    overall = _alone(comparison, overall)
    if overall.ratio is None:
        number = several(overall.scenarios, "scenario")
        sentence = f"{_subject(overall, b)} {_counts(overall)} of {number}{_where(comparison.basis)}"
        return f"{sentence}; {overall.reason}."
    if overall.low is None or overall.high is None:
        measure = words.measure(overall.metric)
        took = f"{b} took {words.figure(overall.ratio)} of {a}'s {measure}{_over(comparison, overall)}"
        return f"{took}; that is no verdict: {words.lettered(overall.reason, b)}."
    interval = overall.low, overall.high
    if overall.verdict in ("faster", "slower"):
        return _apart(comparison, overall, overall.ratio, interval, a, b)
    if overall.scenarios > 1 and any(overall.counts.get(one, 0) for one in ("faster", "slower")):
        return _divided(comparison, overall, interval, a, b)
    return _level(comparison, overall, interval, a, b)


def _alone(comparison: Comparison, overall: Overall) -> Overall:
    """With one scenario there is no mean: its own figures then, as its row has them."""
    if overall.scenarios != 1:
        return overall
    [one] = words.estimated(comparison, overall.metric)
    verdict = one.verdict if one.verdict in ("faster", "slower", "same") else "unclear"
    return replace(overall, ratio=one.ratio, low=one.low, high=one.high, verdict=verdict, reason=one.reason)


def _apart(comparison: Comparison, overall: Overall, ratio: float, interval: Interval, a: str, b: str) -> str:
    measure, verdict = words.measure(overall.metric), words.said(overall.verdict, overall.metric)
    took = f"; it takes {words.figure(ratio)} of {a}'s {measure}" if overall.verdict == "faster" else ""
    figures = f"({words.times_span(*interval)}{took})"
    sentence = f"{_subject(overall, b)} {words.times(ratio)} times {verdict} {figures}"
    agreeing = overall.counts.get(overall.verdict, 0)
    if overall.scenarios == 1:
        return f"{sentence}{_where(comparison.basis, 'in')}."
    if agreeing < overall.scenarios:
        return f"{sentence}{_over(comparison, overall)}: {_counts(overall)}."
    return f"{sentence} in {agreeing:,} of {several(agreeing, 'scenario')}{_where(comparison.basis)}."


def _divided(comparison: Comparison, overall: Overall, interval: Interval, a: str, b: str) -> str:
    """Some scenarios differ, and the mean does not."""
    span = words.plain_span(*interval)
    within = f"to within {words.share(comparison.delta)} ({span})"
    same = f"on the whole {_subject(overall, 'it')} {_alike(overall)} {a} {within}"
    mean = same if overall.verdict == "same" else f"no difference shows on the whole ({span})"
    number = several(overall.scenarios, "scenario")
    return f"{_subject(overall, b)} {_counts(overall)} of {number}{_where(comparison.basis)}; {mean}."


def _level(comparison: Comparison, overall: Overall, interval: Interval, a: str, b: str) -> str:
    """All is the same, or nothing shows."""
    alike = overall.scenarios == 1 or overall.counts.get("same", 0) == overall.scenarios
    if overall.verdict == "same":
        within = f"to within {words.share(comparison.delta)} ({words.plain_span(*interval)})"
        sentence = f"{_subject(overall, b)} {_alike(overall)} {a} {within}{_over(comparison, overall)}"
        return f"{sentence}." if alike else f"{sentence}: {_counts(overall)}."
    low, high = interval
    measure = words.measure(overall.metric)
    what = "difference" if measure == "time" else f"difference in {measure}"
    sentence = f"No {what} between {a} and {b} shows{_over(comparison, overall)}"
    if low > 0 and math.isfinite(high):
        sentence += f": one of {words.share(high / low * (1 + comparison.delta) - 1)} or more would have"
    return f"{sentence}." if overall.counts.get("same", 0) == 0 else f"{sentence} ({_counts(overall)})."


def _subject(overall: Overall, b: str) -> str:
    """ "B is", so that "faster" can follow, or "B needs", so that "more energy" can."""
    return f"{b} is" if words.measure(overall.metric) == "time" else f"{b} needs"


def _alike(overall: Overall) -> str:
    measure = words.measure(overall.metric)
    return "as fast as" if measure == "time" else f"as much {measure} as"


def _counts(overall: Overall) -> str:
    """ "slower in 5, the same in 2"; what the mean says comes first."""
    first = None if overall.verdict == "unclear" else overall.verdict
    order = sorted(_COUNTED, key=lambda verdict: verdict != first)
    told = [(verdict, overall.counts.get(verdict, 0)) for verdict in order]
    return ", ".join(
        f"{_AS_WORDS.get(verdict) or words.said(verdict, overall.metric)} in {number:,}"
        for verdict, number in told
        if number
    )


def _over(comparison: Comparison, overall: Overall) -> str:
    """ " over 7 scenarios of this session"."""
    if overall.scenarios == 1:
        return _where(comparison.basis, "in")
    return f" over {several(overall.scenarios, 'scenario')}{_where(comparison.basis, sessions=' of')}"


def _where(basis: Basis, session: str = "of", sessions: str = ", over") -> str:
    """What the sentence holds for: " of this session", ", over 5 and 4 sessions"."""
    if basis.unit == "run":
        many = basis.sessions_a > 1
        return f" {session} these {basis.sessions_a:,} sessions" if many else f" {session} this session"
    if basis.unit == "session":
        return f"{sessions} {basis.sessions_a:,} and {basis.sessions_b:,} sessions"
    return f"{sessions} {basis.sessions_a:,} sessions that hold both"
