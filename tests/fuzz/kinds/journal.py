"""Journals whose lines are others, with tables beside them or without."""

import json

from bench.records.seal import sealed
from tests.fuzz.kinds.sessions import question, session_files, write_session
from tests.fuzz.mutate import change, damaged, value
from tests.sessions import without_seal

JOURNAL = "journal.jsonl"


class JournalLines:
    name = "journal"
    short, batch = 60, 50

    def begin(self):
        self.files = session_files()

    def case(self, folder, random):
        lines = [plain(line) for line in self.files[JOURNAL].splitlines()]
        files = dict(self.files)
        if random.random() < 0.7:  # a session that was closed is read from its tables
            del lines[-1], files["manifest.json"]
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            odd_line(lines, random)
        content = b"\n".join(sealed_anew(lines) if random.random() < 0.5 else lines) + b"\n"
        if random.random() < 0.15:
            content = damaged(content, random)
        beside, files = files, {JOURNAL: content}
        if random.random() < 0.2:
            files = {**beside, **files}
        write_session(folder / "results" / "s", files)
        return question(folder, random)


def plain(line):
    """As a bench wrote it that sealed none."""
    return json.dumps(without_seal(json.loads(line))).encode()


def sealed_anew(lines):
    """The same with seals, where they are objects: what they hold is odd, and nobody damaged them."""
    for number, line in enumerate(lines, start=1):
        whole = line.isascii() and line.startswith(b'{"')
        yield sealed(f'{{"entry": {number}, {line[1:].decode()}').rstrip(b"\n") if whole else line


def odd_line(lines, random):
    place = random.randrange(len(lines))
    how = random.randrange(10)
    if how == 0:
        del lines[place]
    elif how == 1:
        lines.insert(random.randrange(len(lines)), lines[place])
    elif how == 2:
        lines[place] = json.dumps(value(random)).encode()
    else:
        entry = json.loads(lines[place]) if lines[place].startswith(b"{") else {}
        change(entry, random)
        lines[place] = json.dumps(entry).encode()
    if not lines:
        lines.append(b"")
