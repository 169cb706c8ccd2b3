import datetime
from dataclasses import replace

import pytest

from bench.analysis.sessions import SessionFacts
from bench.views.origins import origin_numbers
from bench.views.summary import as_markdown, summary_table
from bench.views.summary_head import head_lines

CPU = "AMD EPYC 7763, 64 cores"
BEGAN = datetime.datetime(2026, 11, 28, 13, 2).astimezone()
FACTS = SessionFacts("first", "a suite", (CPU,), ("a",), 7, 4, 28, 28, (), BEGAN)
SECOND = replace(FACTS, session_id="second", began=BEGAN + datetime.timedelta(days=1))


@pytest.fixture
def first(summary):
    return replace(summary, session_id="first", rounds=4)


@pytest.fixture
def second(first):
    return replace(first, session_id="second")


def lines(summaries, sessions, others=0):
    return list(head_lines(summaries, sessions, others, origin_numbers(s.origin for s in summaries)))


def test_a_session_has_its_name_its_time_its_machine_and_how_much_there_is_of_it(first):
    assert lines([first], [FACTS]) == [f"Session first · 28 Nov 2026 13:02 · {CPU} · 7 scenarios × 4 rounds"]
    (line,) = lines([first, replace(first, label="b", rounds=20)], [replace(FACTS, began=None)])
    assert line == f"Session first · {CPU} · 7 scenarios × 4 to 20 rounds"


def test_what_is_left_out_is_counted_with_the_options_that_show_it(first, second):
    told = "The newest of 1,000 sessions: --all shows each, --pool times over all of them."
    assert lines([first], [FACTS], 999)[1:] == [told]
    assert lines([first, second], [FACTS, SECOND], 1)[-1].startswith("2 of 3 sessions: --all shows each")


def test_several_have_numbers_and_name_their_machine_once(first, second):
    assert lines([first, second], [FACTS, SECOND]) == [
        f"2 sessions on {CPU}",
        "on 1  first · 28 Nov 2026 13:02 · 7 scenarios × 4 rounds",
        "on 2  second · 29 Nov 2026 13:02 · 7 scenarios × 4 rounds",
    ]
    assert lines([first, second], [FACTS, replace(SECOND, machines=("a GPU",))])[1].split(" · ")[2] == "a GPU"


def test_of_a_cluster_the_machines_have_the_numbers(first, rendered):
    other = replace(first, machine="a GPU", machine_id="b")
    facts = replace(FACTS, machines=(CPU, "a GPU"))
    assert lines([first, other], [facts])[0].startswith(
        f"Session first · 28 Nov 2026 13:02 · {CPU} and a GPU · "
    )
    assert (
        lines([first, other], [replace(facts, machines=(*facts.machines, "c"))])[0].split(" · ")[2]
        == "3 machines"
    )
    shown = rendered(summary_table([first, other], [facts]), 140)
    assert [line.rstrip() for line in shown if line.startswith("on ")] == [f"on 1  {CPU}", "on 2  a GPU"]


def test_pooled_ones_are_counted_and_said_to_be(first):
    pooled = replace(first, session_id=None, sessions=2)
    (line,) = lines([pooled], [FACTS, SECOND])
    assert line.startswith(
        f"2 sessions on {CPU}, 28 Nov 2026 to 29 Nov 2026, pooled: times are geometric means"
    )
    (line,) = lines([pooled], [FACTS, replace(FACTS, session_id="second")])
    assert line.startswith(f"2 sessions on {CPU}, 28 Nov 2026, pooled: ")
    (line,) = lines([pooled], [replace(FACTS, began=None), replace(SECOND, machines=(), began=None)])
    assert line.startswith("2 sessions, pooled: ")


@pytest.mark.parametrize("width", [80, 140])
def test_the_head_stands_above_and_says_no_number_twice(rendered, first, second, width):
    shown = rendered(summary_table([first, second], [FACTS, SECOND]), width)
    assert max(map(len, shown)) <= width
    assert shown[0].rstrip() == f"2 sessions on {CPU}"
    assert sum(line.startswith("on 1") for line in shown) == 1
    assert [line.split()[2] for line in shown if line.startswith("batch_size")] == ["1", "2"]


def test_pooled_rows_say_of_how_many_sessions_they_are(rendered, first):
    pooled = replace(first, session_id=None, sessions=12, step_precision=0.02)
    shown = rendered(summary_table([pooled], [FACTS, SECOND]), 80)
    header = next(line for line in shown if line.startswith("scenario"))
    assert header.split()[1:3] == ["sessions", "ok"]
    said = " ".join(" ".join(shown).split())
    assert "± 95 %: how far the interval over sessions reaches" in said
    assert "Figures are medians over the runs" not in said


def test_markdown_says_it_above_its_table_and_names_the_session_in_each_row(first, second):
    text = as_markdown([first, second], [FACTS, SECOND], 3)
    head, _, table = text.partition("\n\n| ")
    assert head.split("\n\n")[0] == f"2 sessions on {CPU}"
    assert head.split("\n\n")[-1].startswith("2 of 5 sessions")
    assert table.startswith("sweep | scenario | session | ok |")
    assert "| second | 3/3 |" in table
