"""A gate as JUnit XML, which GitLab, Jenkins and others show as tests.

The format is Apache Ant's, by its best-known schema (github.com/windyroad/JUnit-Schema): `error`, `failure`
and `skipped` within a `testcase`, and of times only what is a decimal number.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from bench.analysis.gate import Judgement
from bench.analysis.gate_cases import Case, Outcome
from bench.views.gate import interval_words, outcome_line
from bench.views.visible import visible

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for, not even as an entity (section 2.2)."""


def junit(found: Sequence[Judgement], when: datetime, undecided_is_ok: bool = False) -> bytes:
    """One suite per rule and contender, one test per scenario, as of `when`.

    A test's time is the median of B's times in seconds, 0 where there is none. What cannot be told is an
    error, or skipped where that is ok.
    """
    root = ET.Element("testsuites")
    for number, judgement in enumerate(found):
        root.append(_suite(judgement, number, when, undecided_is_ok))
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(judgement: Judgement, number: int, when: datetime, undecided_is_ok: bool) -> ET.Element:
    undecided = "skipped" if undecided_is_ok else "errors"
    cases = judgement.cases or (Case("all scenarios", "undecided", reason=outcome_line(judgement)),)
    numbers = Counter({"fails": "failures", "undecided": undecided}.get(case.outcome, "") for case in cases)
    name = f"{judgement.b} against {judgement.a}: {judgement.rule}"
    suite = ET.Element(
        "testsuite",
        {
            "name": _text(name),
            "tests": str(len(cases)),
            **{kind: str(numbers[kind]) for kind in ("failures", "errors", "skipped")},
            "time": _decimal(sum(case.seconds or 0.0 for case in cases)),
            "timestamp": when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "hostname": "localhost",
            "id": str(number),
            "package": "bench",
        },
    )
    _properties(suite, judgement)
    # Jenkins takes the last dot for the end of a package's name; GitLab knows a test by class and name alone.
    class_name = _text(f"{judgement.b}: {judgement.rule}").replace(".", "_")
    for case, case_name in zip(cases, _told_apart([case.name for case in cases]), strict=True):
        suite.append(_case(judgement, case, case_name, class_name, undecided_is_ok))
    ET.SubElement(suite, "system-out").text = _text(outcome_line(judgement))
    ET.SubElement(suite, "system-err")
    return suite


def _properties(suite: ET.Element, judgement: Judgement) -> None:
    properties = ET.SubElement(suite, "properties")
    basis = judgement.basis
    for name, value in (
        ("rule", str(judgement.rule)),
        ("unit", basis.unit),
        ("sessions_a", str(basis.sessions_a)),
        ("sessions_b", str(basis.sessions_b)),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": value})


def _case(judgement: Judgement, case: Case, name: str, class_name: str, undecided_is_ok: bool) -> ET.Element:
    found = ET.Element(
        "testcase", {"classname": class_name, "name": name, "time": _decimal(case.seconds or 0.0)}
    )
    words = _text(f"{judgement.rule}: {interval_words(judgement.rule, case)}")
    tags: dict[Outcome, str] = {"fails": "failure", "undecided": "skipped" if undecided_is_ok else "error"}
    if tag := tags.get(case.outcome):
        # Of what is skipped the schema tells no type.
        more = {} if tag == "skipped" else {"type": case.outcome}
        ET.SubElement(found, tag, {"message": words, **more})
    return found


def _told_apart(names: Sequence[str]) -> list[str]:
    """With numbers for those that come again: of tests with one name the last would hide the others."""
    seen: Counter[str] = Counter()
    told = []
    for name in map(_text, names):
        seen[name] += 1
        told.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return told


def _decimal(seconds: float) -> str:
    """Seconds without an exponent; what is infinite is left to the words."""
    return f"{seconds:.9f}" if math.isfinite(seconds) else "0"


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", visible(text))
