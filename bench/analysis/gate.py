"""Does a contender pass? Each rule is answered by intervals: it fails, it passes, or that cannot be told.

A rule passes only where the interval of every scenario ends below the threshold: as many tests that must all
hold need no correction (Berger 1982), so that B is past it somewhere and passes all the same in one of forty
cases at most. It fails where a whole interval lies past the threshold and the false discovery rate over the
table holds (see `gate_cases`). All else is undecided.

Simulated by `tests.statistics`, "slower > 5%" on 40 scenarios: of tables whose sides are equal at most 0.2 %
fail; of those right at the threshold up to 5 % do, and up to 0.4 % pass. In one session whose runs scatter by
2 %, ten rounds let 93 % of equal tables pass, and one scenario among them that is 10 % slower fails in 99 %.
Runs that scatter by 5 % take forty rounds for 61 and 99 %, sessions whose moods do by 2 % ten a side for 99
and 99 %.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

from bench.analysis.comparison import Comparison, Options, compare
from bench.analysis.gate_cases import Case, Outcome, cases
from bench.analysis.gate_rule import Rule
from bench.analysis.sides import Basis, Side

EXIT_STATUS: Mapping[Outcome, int] = {"passes": 0, "fails": 1, "undecided": 3}


@dataclass(frozen=True)
class Judgement:
    """What came of one rule for the contender `b`, held against `a`.

    `not_asked` scenarios have nothing that the rule asks about, or are not in the mean that it asks about;
    `only_a` and `only_b` had no partner.
    """

    rule: Rule
    a: str
    b: str
    basis: Basis
    cases: tuple[Case, ...]
    not_asked: int
    only_a: int
    only_b: int

    @property
    def outcome(self) -> Outcome:
        """Fails where any case does; passes where all do, and there is one."""
        outcomes = {case.outcome for case in self.cases} or {"undecided"}
        return next(one for one in ("fails", "undecided", "passes") if one in outcomes)

    def of(self, outcome: Outcome) -> list[Case]:
        """The cases that came out so."""
        return [case for case in self.cases if case.outcome == outcome]


def judgements(
    rules: Sequence[Rule],
    reference: Side,
    contenders: Sequence[Side],
    **options: Unpack[Options],
) -> list[Judgement]:
    """Of each rule and contender. `options` are those of `compare`; see `judged`."""
    compared: dict[Hashable, tuple[Comparison, ...]] = {}
    found = []
    for rule in rules:
        own = rule.options(options)
        key = tuple(sorted(own.items()))
        if key not in compared:
            compared[key] = compare(reference, contenders, **own)
        found += judged(rule, compared[key])
    return found


def judged(rule: Rule, comparisons: Sequence[Comparison]) -> list[Judgement]:
    """What comes of `rule` for each of `comparisons`, which were made with the rule's own options."""
    found = cases(rule, comparisons)
    return [
        Judgement(
            rule=rule,
            a=comparison.a,
            b=comparison.b,
            basis=comparison.basis,
            cases=of,
            not_asked=_not_asked(rule, comparison, of),
            only_a=len(comparison.only_a),
            only_b=len(comparison.only_b),
        )
        for comparison, of in zip(comparisons, found, strict=True)
    ]


def _not_asked(rule: Rule, comparison: Comparison, of: Sequence[Case]) -> int:
    if not rule.overall:
        return len(comparison.scenarios) - len(of)
    failures = len(of) - len(comparison.overall)
    return len(comparison.scenarios) - failures - sum(overall.scenarios for overall in comparison.overall)


def exit_status(found: Sequence[Judgement], undecided_is_ok: bool = False) -> int:
    """1 where any fails, else 3 where any is undecided (unless that is ok), else 0."""
    outcomes = {judgement.outcome for judgement in found}
    if "fails" in outcomes:
        return EXIT_STATUS["fails"]
    return EXIT_STATUS["undecided"] if "undecided" in outcomes and not undecided_is_ok else 0
