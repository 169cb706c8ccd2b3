import pytest

from bench.analysis.gate_rule import Rule, parse_rule
from bench.errors import BenchError


@pytest.mark.parametrize(
    ("text", "rule", "written"),
    [
        ("slower > 5%", Rule("slower", 0.05), "slower > 5%"),
        ("slower>5 %", Rule("slower", 0.05), "slower > 5%"),
        ("  Slower  >  0.05 ", Rule("slower", 0.05), "slower > 5%"),
        ("slower > .5%", Rule("slower", 0.005), "slower > 0.5%"),
        ("slower > 0%", Rule("slower", 0.0), "slower > 0%"),
        ("faster > 250%", Rule("faster", 2.5), "faster > 250%"),
        ("overall slower > 2%", Rule("slower", 0.02, overall=True), "overall slower > 2%"),
        ("target > 10%", Rule("target", 0.1), "target > 10%"),
        ("accuracy > 0.3pt", Rule("accuracy", 0.003), "accuracy > 0.3pt"),
        ("energy > 7%", Rule("energy", 0.07), "energy > 7%"),
        ("cost > 7.25%", Rule("cost", 0.0725), "cost > 7.25%"),
        ("failed", Rule("failed"), "failed"),
    ],
)
def test_a_rule_is_read_and_written(text, rule, written):
    found = parse_rule(text)
    assert (found.quantity, found.overall, str(found)) == (rule.quantity, rule.overall, written)
    assert found.threshold == pytest.approx(rule.threshold)
    assert parse_rule(str(found)) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no rule; write it like 'slower > 5%'"),
        ("slower 5%", "is no rule; write it like 'slower > 5%'"),
        ("slower >= 5%", "is no rule; write it like 'slower > 5%'"),
        ("slower > -5%", "is no rule; write it like 'slower > 5%'"),
        ("slower > nan", "is no rule; write it like 'slower > 5%'"),
        ("slower > ٥%", "is no rule; write it like 'slower > 5%'"),
        ("slower > 5% or faster > 5%", "is no rule; write it like 'slower > 5%'"),
        ("target", "by how much is missing; write it like 'target > 5%'"),
        ("memory > 5%", "memory is not among slower, faster, target, "),
        ("slower > 5", "5 without % is 500 %; write it like 'slower > 5%'"),
        ("slower > 5pt", "slower is told in percent; write it like 'slower > 5%'"),
        ("accuracy > 0.3%", "accuracy is lost in points; write it like 'accuracy > 0.3pt'"),
        ("accuracy > 0.003", "accuracy is lost in points; write it like 'accuracy > 0.3pt'"),
        ("accuracy > 100pt", "nothing is worse by so much; write it like 'accuracy > 0.3pt'"),
        (f"slower > {'9' * 400}%", "nothing is worse by so much; write it like 'slower > 5%'"),
        ("failed > 1%", "one run is enough; write 'failed'"),
        ("overall failed", "failed is asked scenario by scenario; write 'failed'"),
        ("overall accuracy > 5pt", "accuracy is asked scenario by scenario; write 'accuracy > 0.3pt'"),
    ],
)
def test_what_is_no_rule_is_refused_with_one_that_is(text, words):
    with pytest.raises(BenchError) as error:
        parse_rule(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


def test_times_are_compared_with_the_threshold_for_a_margin():
    asked = {"confidence": 0.9, "delta": 0.01, "metric": "wall_seconds"}
    assert parse_rule("slower > 5%").options(asked) == {**asked, "delta": 0.05}
    assert parse_rule("target > 5%").options(asked) == {**asked, "delta": 0.05, "metric": "target_seconds"}
    assert parse_rule("cost > 5%").options(asked) == {**asked, "delta": 0.05, "metric": "cost"}
    assert parse_rule("energy > 5%").options(asked) == {**asked, "delta": 0.05, "metric": "energy_joules"}
    assert parse_rule("accuracy > 0.3pt").options(asked) == {**asked, "margin": 0.003}


def test_the_bound_is_in_the_unit_of_what_is_measured():
    assert parse_rule("slower > 5%").bound == 1.05
    assert parse_rule("accuracy > 0.3pt").bound == pytest.approx(0.003)
