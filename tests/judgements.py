"""What a gate found, made up."""

from bench.analysis.gate import Judgement
from bench.analysis.gate_rule import parse_rule
from bench.analysis.sides import Basis


def basis(unit="run", sessions=1, **more):
    """What a comparison of so many sessions a side rests on."""
    return Basis(unit=unit, level=0.05, sessions_a=sessions, sessions_b=sessions, **more)


def judgement(*cases, rule="slower > 5%", b="B", on=None, not_asked=0, only_a=0, only_b=0):
    """What came of a rule for B against A."""
    return Judgement(parse_rule(rule), "A", b, on or basis(), cases, not_asked, only_a, only_b)
