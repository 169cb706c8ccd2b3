import pytest

from bench.analysis.node_shares import NodeFacts
from bench.analysis.tariff import tariff
from bench.errors import BenchError
from bench.records.prices import Prices

XEON, EPYC = "Intel Xeon, 2 cores", "AMD EPYC 7763, 64 cores"
FIRST = NodeFacts("s", "n1", "3f61d38e98c9", f"{XEON} (3f61)")
SECOND = NodeFacts("s", "n2", "3f99d38e98c9", f"{XEON} (3f99)")
BIG = NodeFacts("s", "big", "aaaad38e98c9", EPYC)
NODES = (FIRST, SECOND, BIG)


def prices(per_hour, *asked, file=None):
    return Prices(per_hour, asked=frozenset(asked), file=file)


def per_hour(found):
    return {node.node: price for node, price in tariff(prices(found, *found), NODES).per_hour.items()}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({EPYC: 1.0}, {"big": 1.0}),
        ({"n2": 1.0}, {"n2": 1.0}),
        ({"3f61": 1.0, "aaaad38e98c9": 2.0}, {"n1": 1.0, "big": 2.0}),
        ({XEON: 1.0}, {"n1": 1.0, "n2": 1.0}),
        ({f"{XEON} (3f61)": 1.0}, {"n1": 1.0}),
        ({XEON: 1.0, f"{XEON} (3f99)": 2.0}, {"n1": 1.0, "n2": 2.0}),
        ({XEON: 1.0, "3f61": 2.0}, {"n1": 2.0, "n2": 1.0}),
        ({XEON: 1.0, "3f61": 2.0, "n1": 3.0}, {"n1": 3.0, "n2": 1.0}),
    ],
)
def test_a_name_is_a_machines_or_its_ids_or_a_nodes_and_the_nearest_counts(given, found):
    assert per_hour(given) == found


def test_machines_without_a_price_are_named():
    assert tariff(prices({"3f61": 1.0}), NODES).without(NODES) == [EPYC, f"{XEON} (3f99)"]


def refusal(given):
    with pytest.raises(BenchError) as refused:
        tariff(given, NODES)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_an_option_that_is_nobodys_names_the_nearest_and_all():
    said = refusal(prices({"AMD EPIC": 1.0}, "AMD EPIC"))
    assert said.startswith(f'--price AMD EPIC: no machine, machine_id or node here; did you mean "{EPYC}"? ')
    assert all(f'"{node.machine}" ({node.machine_id})' in said for node in NODES)
    assert "did you mean" not in refusal(prices({"qqq": 1.0}, "qqq"))


@pytest.mark.parametrize("name", ["3f6", "d38e", "3F61"])
def test_too_few_digits_and_digits_from_the_middle_are_nobodys(name):
    assert "no machine, machine_id or node here" in refusal(prices({name: 1.0}, name))


def test_a_file_may_tell_of_machines_elsewhere_but_not_of_those_alone():
    assert tariff(prices({EPYC: 1.0, "elsewhere": 2.0}, file="p.toml"), NODES).per_hour == {BIG: 1.0}
    said = refusal(prices({"elsewhere": 2.0}, file="p.toml"))
    assert said.startswith("p.toml: none of its prices is of a machine here; elsewhere: no machine")


def test_digits_of_two_machines_and_two_of_one_are_refused():
    alike = (FIRST, NodeFacts("s", "n3", "3f61ffffffff", "another"))
    with pytest.raises(BenchError, match="price of 3f61: 3f61d38e98c9 and 3f61ffffffff begin so"):
        tariff(prices({"3f61": 1.0}), alike)
    assert "the same machine; leave one of the two out" in refusal(prices({"3f61": 1.0, "3f61d": 2.0}))


def test_many_machines_are_counted_not_listed():
    many = [NodeFacts("s", f"n{number}", f"{number:012x}", f"machine {number}") for number in range(20)]
    with pytest.raises(BenchError, match="and 14 more"):
        tariff(prices({"q": 1.0}, "q"), many)
