"""Bits flipped in every kind of file of a session: whether a check finds them, and a repair mends them."""

import random
import shutil
from collections import Counter

import pytest

from bench.records.checking import check_session
from bench.records.find import find_sessions
from bench.records.folders import folder_of
from bench.records.repairing import repaired
from bench.records.store import read_sessions
from tests.store.in_tree import Truth, kind_of, record, small_segments


def repairs(folder, content, count, seed=0):
    """What came of `count` flips in each kind of file of a session that was killed, and of one that ended."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        small_segments(patch.setattr)
        for ended in (False, True):
            session = folder / ("ended" if ended else "unfinished")
            record(session, content, ended)
            truth = Truth(session)
            kinds = {}
            for path in sorted(path for path in session.rglob("*") if path.is_file()):
                kinds.setdefault(kind_of(path, session), []).append(path.relative_to(session))
            for kind, names in kinds.items():
                chance = random.Random(f"{seed} {kind} {ended}")
                outcomes = (mended(session, chance.choice(names), chance, truth) for _ in range(count))
                found[f"{kind}, ended" if ended else kind] = Counter(outcomes)
    return found


def mended(session, name, chance, truth):
    """What a check and a repair make of `session` with one bit of the file `name` flipped.

    "whole again": it is as it was, and its check says so; "rest, told": the others are there, and it is said
    what was lost. "missed": the check found nothing; "falsified": something else is shown afterwards;
    "rest, untold" and "not repaired" say it themselves.
    """
    copy = session.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(session, copy)
    data = bytearray((copy / name).read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    (copy / name).write_bytes(data)
    (found,) = find_sessions(folder_of(str(copy))).sessions
    checked = check_session(found)
    if checked.verdict != "damaged":
        return "missed"
    after = repaired(found, checked)
    if after.verdict != "whole":
        return "not repaired"
    tables = read_sessions([str(copy)])
    if truth.is_falsified_by(tables):
        return "falsified"
    if truth.is_all_of(tables):
        return "whole again"
    return "rest, told" if after.lost else "rest, untold"
