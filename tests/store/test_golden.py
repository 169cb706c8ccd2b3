"""Commands print of sessions that are there what they printed before there were segments and manifests."""

import pytest

from tests.commands import bench
from tests.store.generate import FORMS, generate
from tests.store.golden import CASES, ROOT, SHAPE, arguments_of, differences, normal

OF_GENERATED = [name for name, arguments in CASES.items() if "GENERATED" in " ".join(arguments)]


@pytest.fixture(scope="module", params=FORMS)
def generated(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated") / "sessions"
    generate(folder, SHAPE, request.param)
    return folder


def check(name, generated, reordered=False):
    said = bench(*arguments_of(name, generated))
    assert (said.status, said.error) == (0, "")
    assert not differences(name, normal(name, said.output, generated), reordered)


@pytest.mark.parametrize("name", OF_GENERATED)
def test_of_sessions_that_were_generated(name, generated, monkeypatch, request):
    """Tables are sorted by scenario now: what is in the order of the runs, such as pairs, is in that."""
    monkeypatch.chdir(ROOT)
    sorted_now = request.node.callspec.params["generated"] == "new" and name.startswith("compare")
    check(name, generated, reordered=sorted_now)


@pytest.mark.parametrize("name", [name for name in CASES if name not in OF_GENERATED])
def test_of_sessions_that_come_with_bench(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    check(name, generated=None)
