"""By the rules of the schema of Apache Ant's JUnit files, checked by hand."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree as ET

from bench.analysis.gate_cases import Case
from bench.views.junit import junit
from tests.judgements import judgement

WHEN = datetime(2026, 3, 1, 12, 30, 5, 999, tzinfo=timezone(timedelta(hours=2)))
PASSES = Case("batch_size=1", "passes", 1.5e-7, 1.01, 0.99, 1.03, 1.0)
FAILS = Case("batch_size=100", "fails", 0.5, 1.12, 1.08, 1.15, 0.001)
OPEN = Case("batch_size=10", "undecided", float("inf"), 1.02, 0.97, 1.07, 1.0)
SILENT = Case("batch_size=8", "undecided", None, reason="2 and 2 sessions, 4 and 4 needed")
RULE = "slower > 2.5%"
ATTRIBUTES = {
    "name",
    "timestamp",
    "hostname",
    "tests",
    "failures",
    "errors",
    "skipped",
    "time",
    "id",
    "package",
}
ORDER = r"(properties )(testcase )*(system-out )(system-err )"


def suites(*found, **options):
    """The suites of the file, which the schema allows."""
    text = junit(found, WHEN, **options)
    assert text.startswith(b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites>")
    root = ET.fromstring(text)
    for number, suite in enumerate(root):
        check_suite(suite, number)
    return list(root)


def check_suite(suite, number):
    assert (suite.tag, set(suite.attrib), suite.get("id")) == ("testsuite", ATTRIBUTES, str(number))
    assert re.fullmatch(ORDER, "".join(f"{child.tag} " for child in suite))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))
    cases = suite.findall("testcase")
    assert suite.get("tests") == str(len(cases))
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert suite.get(kind) == str(len(suite.findall(f"testcase/{tag}")))
    for case in cases:
        assert set(case.attrib) == {"name", "classname", "time"}
        assert len(case) <= 1
        assert all(child.get("message") for child in case)
        assert all(child.get("type") for child in case if child.tag != "skipped")
    for timed in (suite, *cases):
        assert re.fullmatch(r"\d+(\.\d+)?", timed.get("time"))
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names)


def test_a_suite_for_each_rule_and_contender_and_a_test_for_each_scenario():
    [first, second] = suites(
        judgement(PASSES, FAILS, OPEN, rule=RULE), judgement(PASSES, rule=RULE, b="results/v2.1")
    )
    assert first.get("name") == "B against A: slower > 2.5%"
    assert (first.get("timestamp"), first.get("time")) == ("2026-03-01T10:30:05", "0")
    passed, failed, undecided = first.findall("testcase")
    assert (passed.get("name"), passed.get("time"), len(passed)) == ("batch_size=1", "0.000000150", 0)
    assert failed.find("failure").get("message") == "slower > 2.5%: 1.120, 1.080 to 1.150"
    assert (undecided.get("time"), undecided[0].tag) == ("0", "error")
    assert first.findtext("system-out").startswith("passes in 1, fails in 1 (batch_size=100: 1.120")
    # Jenkins splits names of classes at their last dot.
    assert second.find("testcase").get("classname") == "results/v2_1: slower > 2_5%"


def test_what_is_undecided_is_skipped_where_that_is_ok():
    [suite] = suites(judgement(PASSES, OPEN, SILENT), undecided_is_ok=True)
    assert (suite.get("skipped"), suite.get("errors")) == ("2", "0")
    assert suite.findall("testcase")[2][0].get("message") == "slower > 5%: 2 and 2 sessions, 4 and 4 needed"


def test_where_nothing_was_judged_a_test_says_so():
    [suite] = suites(judgement())
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    assert "no scenario in common" in suite.find("testcase/error").get("message")


def test_names_that_xml_has_no_place_for_are_replaced():
    name = 'a\x00\x1b\ufffe\udcff<&>"\n\u202eb]]>'
    [suite] = suites(judgement(replace(FAILS, name=name), b=name))
    shown = suite.find("testcase").get("name")
    assert shown == 'a\\x00\\x1b\ufffd\\xff<&>"\\n\\u202eb]]>'


def test_tests_of_one_name_are_numbered():
    [suite] = suites(judgement(PASSES, PASSES, PASSES))
    names = [case.get("name") for case in suite.findall("testcase")]
    assert names == ["batch_size=1", "batch_size=1 (2)", "batch_size=1 (3)"]


def test_the_time_of_a_suite_is_the_sum_of_its_tests():
    [suite] = suites(judgement(FAILS, replace(FAILS, seconds=0.25), SILENT))
    assert suite.get("time") == "0.750000000"
    assert junit([judgement(FAILS)], WHEN.astimezone(UTC)) == junit([judgement(FAILS)], WHEN)
