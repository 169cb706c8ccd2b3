"""What a gate says: a line per rule and contender, however many scenarios there are."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from bench.analysis.decision import FEWEST_SESSIONS
from bench.analysis.gate import Judgement, exit_status
from bench.analysis.gate_cases import Case, Outcome
from bench.analysis.gate_rule import Rule
from bench.views.export import markdown_words
from bench.views.format import count, ratio
from bench.views.visible import visible

MOST_NAMED = 3
"""So many scenarios, or reasons, are told of each outcome."""
MOST_NEEDED = 200
"""More rounds, sessions or seeds than that are no advice."""
_STYLES: Mapping[Outcome, str] = {"passes": "green", "fails": "bold red", "undecided": "yellow"}


def gate_texts(found: Sequence[Judgement], undecided_is_ok: bool = False) -> list[Text]:
    """For a terminal."""
    return [_styled(line) for line in gate_lines(found, undecided_is_ok)]


def gate_markdown(found: Sequence[Judgement], undecided_is_ok: bool = False) -> str:
    """For an issue, or the summary of a CI job."""
    return "  \n".join(map(markdown_words, gate_lines(found, undecided_is_ok))) + "\n"


def gate_lines(found: Sequence[Judgement], undecided_is_ok: bool = False) -> list[str]:
    """Each judgement on one line, the exit status, and what would tell more."""
    many = len({judgement.b for judgement in found}) > 1
    lines = [_heading(judgement, many) + outcome_line(judgement) for judgement in found]
    ending = f"exit status {exit_status(found, undecided_is_ok)}"
    if len(found) == 1:
        lines = [f"{lines[0]}: {ending}"]
    else:
        numbers = Counter(judgement.outcome for judgement in found)
        lines.append(f"GATE: {', '.join(f'{one} {numbers[one]}' for one in _STYLES)}: {ending}")
    remarks = dict.fromkeys(line for judgement in found for line in _remarks(judgement))
    if not undecided_is_ok and any(judgement.outcome == "undecided" for judgement in found):
        remarks["--undecided ok takes what cannot be told for passed"] = None
    return [visible(line) for line in (*lines, *remarks)]


def outcome_line(judgement: Judgement) -> str:
    """How often it passes, fails and is undecided, the worst of those that do not pass by name."""
    if not judgement.cases:
        return f"undecided ({_nothing(judgement)})"
    if judgement.rule.overall:
        told = [f"{case.outcome} ({case_words(judgement.rule, case)})" for case in judgement.cases]
    else:
        told = [_told(judgement, outcome) for outcome in _STYLES]
    extra = (
        (judgement.not_asked, "not asked about"),
        (judgement.only_a, "only in A"),
        (judgement.only_b, "only in B"),
    )
    return ", ".join([*told, *(f"{count(number)} {words}" for number, words in extra if number)])


def case_words(rule: Rule, case: Case) -> str:
    """One case in words: "batch_size=100: 1.120, 1.080 to 1.150"."""
    return f"{case.name}: {interval_words(rule, case)}"


def interval_words(rule: Rule, case: Case) -> str:
    """Its value and interval, and why there is none or no clearer outcome."""
    parts = []
    if case.low is not None and case.high is not None:
        value = "" if case.value is None else f"{_figure(rule, case.value)}, "
        parts.append(f"{value}{_figure(rule, case.low)} to {_figure(rule, case.high)}")
    if rule.quantity == "accuracy" and parts:
        parts[0] += " points lost"
    return "; ".join([*parts, *([case.reason] if case.reason else [])])


def _heading(judgement: Judgement, many: bool) -> str:
    return f"GATE {judgement.rule}{f', {judgement.b}' if many else ''}: "


def _nothing(judgement: Judgement) -> str:
    if judgement.not_asked and judgement.rule.quantity == "target":
        return "no scenario has a target_accuracy"
    return "no scenario was compared" if judgement.not_asked else "A and B have no scenario in common"


def _told(judgement: Judgement, outcome: Outcome) -> str:
    cases = judgement.of(outcome)
    told = f"{outcome} in {count(len(cases))}"
    return told if outcome == "passes" or not cases else f"{told} ({_worst(judgement.rule, cases)})"


def _worst(rule: Rule, cases: Sequence[Case]) -> str:
    """The worst of them, those with no interval and one reason together."""
    alike = Counter(case.reason for case in cases if case.low is None)
    told: dict[str, int] = {}
    for case in sorted(cases, key=lambda case: -math.inf if case.value is None else -case.value):
        number = alike[case.reason] if case.low is None else 1
        told[f"{count(number)} times {case.reason}" if number > 1 else case_words(rule, case)] = number
    named = list(told)[:MOST_NAMED]
    more = len(cases) - sum(told[words] for words in named)
    return "; ".join([*named, *([f"{count(more)} more"] if more else [])])


def _figure(rule: Rule, value: float) -> str:
    return f"{value * 100:.2f}" if rule.quantity == "accuracy" else ratio(value).removesuffix("×")


def _unit(judgement: Judgement) -> str:
    """What more of would tell."""
    if judgement.rule.quantity == "accuracy":
        return "seeds"
    return "rounds" if judgement.basis.unit == "run" else "sessions"


def _remarks(judgement: Judgement) -> Iterator[str]:
    """What would tell more, and what makes the answer doubtful."""
    unit = _unit(judgement)
    open_ = [case for case in judgement.of("undecided") if case.low is not None]
    if open_:
        needed = [case.needed for case in open_]
        most = max((number for number in needed if number is not None), default=None)
        if None in needed or most is None or most > MOST_NEEDED:
            yield (
                f"{judgement.rule}: what is undecided would take more than {MOST_NEEDED} {unit} a side: "
                "it lies too near the threshold, or scatters too widely"
            )
        else:
            yield f"{judgement.rule}: some {count(most)} {unit} a side would tell, if what was measured is so"
    if judgement.basis.unit == "none":
        yield f"Run each side in {FEWEST_SESSIONS} sessions, in turns: how far sessions differ is unknown"
    if judgement.basis.apart:
        yield "All of one side ran before the other began, and machines wander: run the sides in turns"


def _styled(line: str) -> Text:
    text = Text(line)
    if line.startswith("GATE"):
        text.stylize("bold", 0, len("GATE"))
        for outcome, style in _STYLES.items():
            text.highlight_regex(rf"\b{outcome}(?: in)? [1-9][\d,]*|\b{outcome}(?= \()", style)
    return text
