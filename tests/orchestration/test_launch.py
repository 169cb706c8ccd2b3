"""What a launch refuses before it starts Ray."""

import sys

import pytest

from bench.cli.watchers import Silent
from bench.errors import StoreError
from bench.orchestration import launch
from bench.orchestration.session import Rules
from bench.records.journal import Journal
from bench.records.recorder import Recorder
from bench.records.suite import Measure, Suite


def test_a_session_that_another_process_writes_is_refused_at_once(tmp_path, monkeypatch):
    with Recorder.begin(tmp_path / "s1", "s1", {}):
        pass
    monkeypatch.setattr(launch, "load_all", lambda _names, _data: {})
    monkeypatch.setitem(
        sys.modules, "bench.orchestration.on_ray.cluster", None
    )  # an error where it is imported
    suite = Suite("suite", "A suite", Measure(rounds=1), (), "")
    rules = Rules(lambda _times: True)
    with Journal(tmp_path / "s1"), pytest.raises(StoreError, match="this session is still going on"):
        launch.launch(suite, tmp_path, None, None, Silent(), rules, begun=tmp_path / "s1")
