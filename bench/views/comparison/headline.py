"""What a comparison comes to, in a sentence or two."""

import re
from collections import Counter
from collections.abc import Iterator

from bench.analysis.comparison import Comparison, ScenarioComparison
from bench.views import quality_words
from bench.views.comparison import words
from bench.views.comparison.family_words import family_sentence
from bench.views.comparison.few_sessions import few_sessions_sentence
from bench.views.comparison.mean_words import mean_sentence
from bench.views.comparison.one_figure import one_figure_sentences
from bench.views.format import several


def headline(comparison: Comparison, letter: str = "B") -> str:
    """The answer to "is B faster than A?", and where; `letter` names B where its name is long."""
    return " ".join(sentences(comparison, letter))


def sentences(comparison: Comparison, letter: str = "B") -> list[str]:
    """The same, sentence by sentence; there is at least one."""
    a, b = words.names(comparison, letter)
    if not comparison.scenarios:
        return [f"{a} and {b} have no scenario in common{_why_none(comparison)}."]
    found = [*_by_metric(comparison, a, b), *one_figure_sentences(comparison, a, b)]
    return [*_with_accuracy(found, comparison, letter), *_not_compared(comparison)]


def _why_none(comparison: Comparison) -> str:
    if comparison.unlike:
        return f": what they train differs in {', '.join(comparison.unlike)}, and only like work is compared"
    if comparison.only_a and comparison.only_b:
        return ": none trains the same, or several could stand for one another"
    return ""


def _with_accuracy(found: list[str], comparison: Comparison, letter: str) -> list[str]:
    """The sentences on times, of which the first says how accurate B is, too: fast but wrong is both.

    One that does not plainly say what B is is followed by a sentence of its own.
    """
    if not found or all(one.accuracy.low is None for one in comparison.quality.scenarios):
        return found
    first, *others = found
    if _is_plain(first, words.names(comparison, letter)[1]):
        said = [quality_words.headline(first.removesuffix("."), comparison.quality)]
    else:
        said = [first, quality_words.accuracy_line(comparison.quality)]
    said[-1] = said[-1] if letter == "B" else words.lettered(said[-1], letter)
    return [*said, *others]


def _is_plain(sentence: str, b: str) -> bool:
    """Whether "and less accurate" can follow: B is its subject, and nothing but a parenthesis comes after."""
    return sentence.startswith(f"{b} is ") and not re.search("[:;]", re.sub(r"\([^()]*\)", "", sentence))


def _by_metric(comparison: Comparison, a: str, b: str) -> Iterator[str]:
    """By the usual time first; another one's sentence begins with its name."""
    usual = words.usual_metric(comparison)
    say = few_sessions_sentence if comparison.basis.unit == "none" else mean_sentence
    for overall in sorted(comparison.overall, key=lambda one: one.metric != usual):
        by = "" if overall.metric == usual else f"By {words.METRIC_WORDS[overall.metric]}: "
        yield by + say(comparison, overall, a, b)
        if where := family_sentence(comparison, overall.metric):
            yield where


def _not_compared(comparison: Comparison) -> Iterator[str]:
    """Scenarios that both sides have and that gave no ratio, by what became of them."""
    ended = Counter(one.verdict for one in comparison.scenarios)
    silent = Counter(one.metric for one in comparison.scenarios if _is_silent(one))
    counted = [f"{ended[how]:,} {how}" for how in ("failed", "refused") if ended[how]]
    counted += [f"{number:,} without {metric}" for metric, number in silent.items()]
    if counted:
        yield f"Not compared, of {several(len(comparison.scenarios), 'scenario')}: {', '.join(counted)}."
    if single := _in_no_mean(comparison):
        block = "round" if comparison.basis.unit == "run" else "session"
        number = several(len(comparison.scenarios), "scenario")
        yield f"In no mean, with fewer than two {block}s on a side: {single:,} of {number}."


def _in_no_mean(comparison: Comparison) -> int:
    """How many scenarios have a ratio, but nothing that would tell how far it can be trusted."""
    there = {place for overall in comparison.overall for place in overall.places}
    return sum(
        one.ratio is not None and one.one_figure is None and place not in there
        for place, one in enumerate(comparison.scenarios)
    )


def _is_silent(one: ScenarioComparison) -> bool:
    return one.verdict == "unclear" and not (one.a.times and one.b.times)
