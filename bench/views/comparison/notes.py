"""The paragraphs below a comparison's table: how to read it, why there is no more, what differs besides."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from bench.analysis.comparison import Comparison, Difference, Overall
from bench.analysis.pairing import MANNER
from bench.analysis.quality import QualityComparison
from bench.analysis.sides import Basis
from bench.views import quality_words
from bench.views.comparison import words
from bench.views.format import ratio, several, span
from bench.views.probe import change_lines

MOST_NAMED = 3
"""Of more scenarios the number is told in place of their names."""


def legend(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """How to read the table of these comparisons, which share their reference and their options."""
    first = comparisons[0]
    ratio_of, apart = _ratio_words(comparisons)
    if all(comparison.basis.unit == "none" for comparison in comparisons):
        yield ratio_of
    else:
        level = words.share(max(comparison.basis.level for comparison in comparisons))
        corrected = f" and q is at most {level}" if first.tested > 1 else ""
        yield (
            f"{ratio_of} {apart} only where the whole {words.share(first.confidence)} interval lies "
            f"past ±{words.share(first.delta)}{corrected}; same only where all of it lies within."
        )
        if corrected:
            yield (
                f"q: the p value adjusted for {several(first.tested, 'comparison')} (Benjamini and Hochberg "
                f"1995): of the verdicts given, on average at most {level} are false."
            )
    if len(comparisons) == 1:
        yield from _unclear(first)
    yield from dict.fromkeys(line for comparison in comparisons for line in independent(comparison))


def _ratio_words(comparisons: Sequence[Comparison]) -> tuple[str, str]:
    """What B/A is, and what the verdicts on it are called."""
    metrics = {one.metric for comparison in comparisons for one in comparison.scenarios}
    measures = {words.measure(metric) for metric in metrics}
    by = _ratio_basis(comparisons)
    if len(measures) == 1 and "time" not in measures:
        return f"B/A: B's {measures.pop()} over A's{by}; below 1 means B needs less.", "Less or more"
    return f"B/A: B's time over A's{by}; below 1 means B is faster.", "Faster or slower"


def _ratio_basis(comparisons: Sequence[Comparison]) -> str:
    """Why a ratio is not that of the two medians beside it; empty where it is, or where bases differ."""
    estimated = any(one.one_figure is None for of in comparisons for one in of.scenarios)
    units = {comparison.basis.unit for comparison in comparisons}
    if not estimated or len(units) > 1:
        return ""
    if units == {"run"}:
        return ", the middle one of all pairs of runs"
    if all(of.basis.sessions_a == of.basis.sessions_b == 1 for of in comparisons):
        return ""
    return " by the medians of sessions (A and B show those of runs)"


def _unclear(comparison: Comparison) -> Iterator[str]:
    unclear = [one for one in comparison.scenarios if one.verdict == "unclear"]
    if any(one.smallest_difference is not None for one in unclear):
        yield (
            "unclear <x %: nothing is said of differences below x; one of x would have shown in 95 of 100 "
            "such comparisons."
        )


def independent(comparison: Comparison) -> Iterator[str]:
    """What counts as one independent look, and so what the verdicts hold for."""
    basis = comparison.basis
    if basis.unit == "run":
        where = "this session" if basis.sessions_a == 1 else f"these {basis.sessions_a:,} sessions"
        yield f"Independent: the runs within a session. The verdicts are about {where}, not about other days."
    elif basis.unit == "session":
        yield (
            f"Independent: the sessions, {basis.sessions_a:,} of A and {basis.sessions_b:,} of B, by their "
            "medians; runs of one session share its mood."
        )
    elif basis.unit == "pair of sessions":
        yield f"Independent: the {basis.sessions_a:,} sessions that hold both sides, by their ratios."
    elif any(one.verdict == "no verdict" and one.one_figure is None for one in comparison.scenarios):
        yield (
            "No verdicts: runs of one session share its mood, and these sessions are too few to show how far "
            "moods differ."
        )
    if any(one.one_figure for one in comparison.scenarios):
        yield "One figure says nothing of its own scatter: below and above are about the other side's rounds."


def overall_lines(comparison: Comparison) -> Iterator[str]:
    """The mean by each time, in the figures that the table has."""
    for overall in comparison.overall:
        if overall.scenarios > 1 and comparison.basis.unit != "none":
            yield _overall_line(overall, comparison)


def quality_lines(comparison: Comparison, letter: str = "B") -> Iterator[str]:
    """How accurate the sides became, on average and by target, and what did not train."""
    quality = comparison.quality
    if not quality.scenarios:
        return
    found = (
        quality_words.overall_line(quality),
        *quality_words.target_lines(quality),
        quality_words.trained_line(quality),
        *quality_words.reasons(replace(quality, scenarios=_asked_for_more(comparison))),
    )
    yield from (words.lettered(line, letter) if letter != "B" else line for line in found if line)


def _asked_for_more(comparison: Comparison) -> tuple[QualityComparison, ...]:
    """The scenarios whose accuracies more runs would compare: a single figure has no seeds to ask for."""
    pairs = zip(comparison.scenarios, comparison.quality.scenarios, strict=True)
    return tuple(
        found
        for one, found in pairs
        if one.one_figure is None or found.accuracy.difference is None or found.accuracy.low is not None
    )


def _overall_line(overall: Overall, comparison: Comparison) -> str:
    if overall.low is None or overall.high is None:
        interval = f"no interval: {overall.reason}"
    else:
        interval = f"{words.share(comparison.confidence)} {span(overall.low, overall.high)}"
    some = f"geometric mean of {several(overall.scenarios, 'scenario')}"
    return (
        f"Overall by {words.METRIC_WORDS[overall.metric]}: B/A {ratio(overall.ratio)} ({interval}), {some}."
    )


def reasons(comparison: Comparison, letter: str = "B") -> Iterator[str]:
    """Why scenarios got no clearer verdict, each reason once, with those that it holds for.

    What the row or the headline says already is not said again.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for scenario in comparison.scenarios:
        by_row = words.below(scenario, comparison.delta)
        by_headline = scenario.verdict == "no verdict" and comparison.basis.unit == "none"
        if scenario.reason and not by_row and not by_headline:
            found.setdefault((scenario.verdict, scenario.reason), []).append(scenario.label)
    for (verdict, reason), labels in found.items():
        who = "; ".join(labels) if len(labels) <= MOST_NAMED else several(len(labels), "scenario")
        yield f"{verdict}: {words.lettered(reason, letter)} ({who})"


def only_lines(comparison: Comparison, everything: bool, letter: str = "B") -> Iterator[str]:
    """The scenarios that only one side has: how many, and which, where that is asked for or they are few."""
    for name, labels in (("A", comparison.only_a), (letter, comparison.only_b)):
        if not labels:
            continue
        if everything or len(labels) <= MOST_NAMED:
            yield f"Only in {name}: {'; '.join(labels)}"
        else:
            yield f"Only in {name}: {several(len(labels), 'scenario')} (--full names them)"


def left_out_line(basis: Basis, letter: str = "B") -> str:
    """Runs that are not compared, since their sessions hold only one side; empty where there are none."""
    told = [(basis.left_out_a, "A"), (basis.left_out_b, letter)]
    parts = [f"{several(number, 'run')} of sessions that only {name} has" for number, name in told if number]
    if not parts:
        return ""
    verb = "is" if basis.left_out_a + basis.left_out_b == 1 else "are"
    return f"{' and '.join(parts)} {verb} not compared."


def apart_line(basis: Basis, letter: str = "B") -> str:
    """Sides that do not overlap in time, where a verdict was given on them all the same."""
    if basis.unit != "session" or not basis.apart:
        return ""
    return (
        f"! All of one side ran before the other: machines' moods wander, and a difference between A and "
        f"{letter} may be one of days. Run them in turns."
    )


def confounded_line(comparison: Comparison) -> str:
    """Settings that were held against each other on hardware of their own; empty where they shared it."""
    places = {one.name for one in comparison.differences if one.kind == "hardware" and not _overlap(one)}
    settings = [one.name for one in comparison.differences if one.kind == "settings" and one.name in MANNER]
    where = next((words_ for name, words_ in _PLACES.items() if name in places), "")
    if not where or not settings or comparison.basis.unit == "none":
        return ""
    what = ", ".join(settings)
    return f"! The sides ran on {where} of their own: what differs may be theirs, not that of {what}."


_PLACES = {"machine": "machines", "node": "nodes"}


def _overlap(difference: Difference) -> bool:
    return bool(set(difference.values_a) & set(difference.values_b))


def change_sentences(comparison: Comparison) -> list[str]:
    """Figures of the same machine's probes that are apart on the two sides."""
    return [line.plain for line in change_lines(comparison.changes)]


def difference_line(comparison: Comparison) -> str:
    """Said where there is nothing to list; empty otherwise."""
    if comparison.differences or not comparison.scenarios:
        return ""
    return "No difference in hardware, software or settings is recorded."


def difference_rows(
    comparison: Comparison, told: Collection[Difference] = ()
) -> list[tuple[str, str, str, str]]:
    """Kind (at its first row only), name, and both sides' values, but for what is `told` of every row."""
    rows: list[tuple[str, str, str, str]] = []
    last = ""
    for found in comparison.differences:
        if found in told:
            continue
        kind = found.kind if found.kind != last else ""
        last = found.kind
        sides = (words.values(found.name, found.values_a), words.values(found.name, found.values_b))
        rows.append((kind, found.name, *sides))
    return rows
