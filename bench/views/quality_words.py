"""How accurate B is beside A, in words: a time alone says nothing of a side that is fast and wrong."""

import math
from collections import Counter
from collections.abc import Iterator

from bench.analysis.accuracy import AccuracyDifference, Verdict
from bench.analysis.decision import Decision
from bench.analysis.quality import Quality, Trained
from bench.analysis.seeds import GUESSING
from bench.analysis.targets import Often, Reach, TargetComparison, TargetRatio
from bench.views.format import NONE, percent, ratio, several, span

_FEW = 3  # labels that are named; more are counted
_SOONER: dict[Decision, str] = {
    "faster": "B sooner",
    "slower": "B later",
    "same": "the same",
    "unclear": "unclear",
}


def headline(times: str, quality: Quality) -> str:
    """What is said of the times, without its full stop, and what of the accuracy in the same sentence.

    "B is 1.30 times faster and less accurate: −0.31 points (−0.38 to −0.24) in 3 of 7 scenarios."
    """
    counts, compared = _counts(quality)
    moved = _moved(quality, counts)
    return f"{times} and {_listed(moved, compared)}." if moved else f"{times}; {_accuracy(quality)}."


def accuracy_line(quality: Quality) -> str:
    """All verdicts: "Accuracy: B less accurate: … in 3 of 7 scenarios, the same within ±0.1 points in 4."."""
    said = _accuracy(quality)
    return f"{said[0].upper()}{said[1:]}."


def overall_line(quality: Quality) -> str:
    """The mean: "Accuracy on average over 7 scenarios and 10 seeds: −0.05 points (…)."; empty if of one."""
    paired = sum(1 for one in quality.scenarios if one.accuracy.pairs)
    if paired < 2 or quality.overall.difference is None:
        return ""
    over = f"over {paired} scenarios and {several(quality.overall.pairs, 'seed')}"
    return f"Accuracy on average {over}: {difference(quality.overall)}."


def difference(found: AccuracyDifference) -> str:
    """A difference with its interval: "−0.31 points (−0.38 to −0.24)"; an en dash where there is none."""
    if found.difference is None:
        return NONE
    if found.low is None or found.high is None:
        return f"{points(found.difference)} points"
    return f"{points(found.difference)} points ({points(found.low)} to {points(found.high)})"


def verdict(found: AccuracyDifference) -> str:
    """A row's verdict: "worse", "unclear <0.35 points", an en dash where nothing was compared."""
    smallest = _would_have_shown(found)
    return f"unclear <{smallest * 100:.2g} points" if smallest is not None else found.verdict or NONE


def points(value: float) -> str:
    """A difference of shares in hundredths with its sign: "−0.31", "+0.02", "0.00"."""
    text = f"{abs(value) * 100:.2f}"
    if float(text) == 0:
        return text
    return f"{'−' if value < 0 else '+'}{text}"


def reasons(quality: Quality) -> Iterator[str]:
    """Why accuracies have no verdict or no interval, each reason once, with the scenarios it holds for."""
    found: dict[str, list[str]] = {}
    for one in quality.scenarios:
        if one.accuracy.reason:
            found.setdefault(one.accuracy.reason, []).append(one.label)
    for reason, labels in found.items():
        who = ", ".join(labels) if len(labels) <= _FEW else f"{len(labels)} scenarios"
        yield f"Accuracy: {reason} ({who})."


def trained_line(quality: Quality) -> str:
    """How many runs diverged or failed, which no median shows; empty where none did."""
    said: list[str] = []
    for name, sides in (("A", [s.a for s in quality.scenarios]), ("B", [s.b for s in quality.scenarios])):
        said += _ended(name, sides)
    return f"{'; '.join(said)}." if said else ""


def target_lines(quality: Quality) -> Iterator[str]:
    """How often each side reached its target, and how soon: one line each, none without targets."""
    found = [one.target for one in quality.scenarios if one.target is not None]
    if not found:
        return
    a, b = (_summed([one.a for one in found]), _summed([one.b for one in found]))
    yield f"Target reached in {_of(a)} runs of A and {_of(b)} of B{_reach(found)}."
    yield f"Steps to the target: {_counted([one.steps for one in found])}."
    yield f"Seconds to the target, in these sessions: {_counted([one.seconds for one in found])}."


def _accuracy(quality: Quality) -> str:
    counts, compared = _counts(quality)
    if not compared:
        reasons_ = {one.accuracy.reason for one in quality.scenarios}
        return f"accuracy: {reasons_.pop() if len(reasons_) == 1 else 'not compared'}"
    found = [(f"B {words}", number) for words, number in _moved(quality, counts)]
    if counts["same"]:
        found.append((f"the same within ±{quality.margin * 100:.2g} points", counts["same"]))
    if counts["unclear"]:
        found.append(("unclear", counts["unclear"]))
    return f"accuracy: {_listed(found, compared)}{_would_show(quality)}"


def _moved(quality: Quality, counts: Counter[Verdict]) -> list[tuple[str, int]]:
    """What is less or more accurate by how much, and in how many scenarios."""
    together: tuple[tuple[Verdict, str, AccuracyDifference], ...] = (
        ("worse", "less", quality.worse),
        ("better", "more", quality.better),
    )
    return [
        (f"{word} accurate: {_size(quality, name, mean)}", counts[name])
        for name, word, mean in together
        if counts[name]
    ]


def _size(quality: Quality, verdict_: Verdict, together: AccuracyDifference) -> str:
    """The mean of those scenarios; where they share no seeds, from the least of them to the greatest."""
    chosen = [one.accuracy for one in quality.scenarios if one.accuracy.verdict == verdict_]
    if len(chosen) == 1:
        return difference(chosen[0])
    if together.pairs and all(one.pairs for one in chosen):
        return difference(together)
    ends = sorted((one.difference or 0.0 for one in chosen), key=abs)
    return f"{points(ends[0])} to {points(ends[-1])} points"


def _would_have_shown(found: AccuracyDifference) -> float | None:
    """From what difference on an unclear one would have been clear; None of one that is past it already."""
    if found.verdict != "unclear" or found.smallest_difference is None:
        return None
    past = abs(found.difference or 0.0) >= found.smallest_difference
    return None if past else found.smallest_difference


def _would_show(quality: Quality) -> str:
    every = [_would_have_shown(one.accuracy) for one in quality.scenarios]
    sizes = [size for size in every if size is not None and size < 1]  # no two accuracies are further apart
    if not sizes:
        return ""
    low, high = (f"{size * 100:.2g}" for size in (min(sizes), max(sizes)))
    least = f"{low} points or more" if low == high else f"{low} to {high} points, by scenario,"
    return f" (differences of {least} would have shown)"


def _counts(quality: Quality) -> tuple[Counter[Verdict], int]:
    counts = Counter(one.accuracy.verdict for one in quality.scenarios if one.accuracy.verdict is not None)
    return counts, counts.total()


def _ended(name: str, sides: list[Trained]) -> Iterator[str]:
    runs, diverged, failed = (
        sum(values)
        for values in zip(*((side.runs, side.diverged, side.failed) for side in sides), strict=True)
    )
    if diverged:
        guess = percent(GUESSING, 0)
        yield f"{diverged} of {name}'s {several(runs, 'run')} diverged and count as guessing ({guess})"
    if failed:
        yield f"{failed} of {name}'s {several(runs, 'run')} failed, with no accuracy"


def _summed(sides: list[Reach]) -> Reach:
    return Reach(sum(side.reached for side in sides), sum(side.runs for side in sides))


def _of(side: Reach, between: str = " of ") -> str:
    return f"{side.reached}{between}{side.runs}"


def _reach(found: list[TargetComparison]) -> str:
    """Where one side reached its target less often than chance allows; empty where none did."""
    counts = Counter(one.reach for one in found)
    often: tuple[Often, ...] = ("less often", "more often")
    told = [(f"B {words}", counts[words]) for words in often if counts[words]]
    return f"; {_listed(told, len(found))}" if told else ""


def _ratio(found: TargetRatio) -> str:
    if found.ratio is None:
        return NONE
    says_more = found.low != found.high or found.low not in (None, 0, math.inf)
    interval = f" ({span(found.low, found.high)})" if says_more else ""
    return f"{ratio(found.ratio)}{interval}, {_SOONER[found.verdict]}"


def _counted(ratios: list[TargetRatio]) -> str:
    """What came of all of them; of one alone, the ratio."""
    counts = Counter(one.verdict for one in ratios)
    said = _listed([(words, counts[name]) for name, words in _SOONER.items() if counts[name]], len(ratios))
    if len(ratios) == 1 and ratios[0].ratio is not None:
        said = f"B/A {_ratio(ratios[0])}"
    reasons_ = {one.reason for one in ratios if one.verdict == "unclear"} - {""}
    return f"{said} ({'; '.join(sorted(reasons_))})" if reasons_ else said


def _listed(found: list[tuple[str, int]], of: int) -> str:
    """ "unclear in 3 of 7 scenarios, the same in 4": what was found in how many; of one alone no number."""
    if of == 1:
        return found[0][0]
    (first, number), *others = found
    said = [f"{first} in {number} of {several(of, 'scenario')}", *(f"{what} in {n}" for what, n in others)]
    return ", ".join(said)
