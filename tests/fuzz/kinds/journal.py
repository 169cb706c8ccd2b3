"""Journals whose lines are others, with tables beside them or without."""

import json

from tests.fuzz.kinds.sessions import question, session_files, write_session
from tests.fuzz.mutate import change, damaged, value

JOURNAL = "journal.jsonl"


class JournalLines:
    name = "journal"
    short, batch = 60, 50

    def begin(self):
        self.files = session_files()

    def case(self, folder, random):
        lines = self.files[JOURNAL].splitlines()
        if random.random() < 0.7:
            del lines[-1]  # a session that was closed is read from its tables
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            odd_line(lines, random)
        content = b"\n".join(lines) + b"\n"
        if random.random() < 0.15:
            content = damaged(content, random)
        files = {JOURNAL: content}
        if random.random() < 0.2:
            files = {**self.files, **files}
        write_session(folder / "results" / "s", files)
        return question(folder, random)


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
