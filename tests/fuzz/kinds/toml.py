"""Suites and the options that change them, planned."""

import json

from bench.records.scenario import Scenario
from tests.fuzz.judge import command
from tests.fuzz.kinds.sessions import ROOT
from tests.fuzz.mutate import NUMBERS, TEXTS, damaged, value

WORDS = ("title", "measure", "sweep", "matrix", "exclude", "name", "rounds", "precision", "retries")
LITERALS = ("[]", "[[]]", "{}", "{a = 1}", "1979-05-27T07:32:00Z", "07:32:00", "0x10", "+inf", "'''\n'''")
NAMES = ("suite.toml", "suite", "\x1b[31m.toml", "two\nlines.toml", "[bold].toml", "\udcff.toml")


class Toml:
    name = "toml"
    short, batch = 150, 100

    def begin(self):
        self.seeds = [path.read_text() for path in sorted((ROOT / "scenarios").glob("*.toml"))]

    def case(self, folder, random):
        lines = random.choice(self.seeds).splitlines()
        for _ in range(random.randint(0, 3)):
            odd_line(lines, random)
        content = "\n".join(lines).encode(errors="surrogatepass")
        if random.random() < 0.2:
            content = damaged(content, random)
        suite = folder / (random.choice(NAMES) if random.random() < 0.1 else "suite.toml")
        suite.write_bytes(content)
        options = [part for _ in range(random.choice((0, 0, 0, 1))) for part in option(random)]
        (folder / "options").write_text(json.dumps(options))
        return lambda: command("plan", suite, "--results", folder / "none", *options)


def odd_line(lines, random):
    place = random.randrange(len(lines))
    key, equals, _ = lines[place].partition(" = ")
    how = random.randrange(6)
    if how == 0:
        lines[place] = ""
    elif how == 1:
        lines.insert(place, random.choice(lines))
    elif how == 2 and equals:
        lines[place] = f"{setting(random)} = {lines[place].partition(' = ')[2]}"
    elif how == 3:
        lines.insert(place, f"{setting(random)} = {literal(random)}")
    elif equals:
        lines[place] = f"{key} = {literal(random)}"


def setting(random):
    name = random.choice((*Scenario.model_fields, *WORDS))
    return random.choice((name, name, f"matrix.{name}", name[:-1] or "x", f'"{name}"'))


def literal(random):
    """A value in TOML's notation, or something that is none."""
    how = random.randrange(4)
    if how == 0:
        return random.choice(LITERALS)
    if how == 1:
        return str(random.choice(NUMBERS))
    if how == 2:
        return json.dumps(random.choice(TEXTS), ensure_ascii=random.random() < 0.5)
    return json.dumps(value(random)).replace("{", "{ ").replace(": ", " = ")


def option(random):
    """One of the options that choose or change scenarios, with a value that a command line can hold."""
    texts = [text for text in TEXTS if "\0" not in text and "\ud800" not in text]
    how = random.randrange(4)
    if how == 0:
        return "--only", random.choice((*texts, "*", "[", "**", "batch*"))
    if how == 1:
        return "--rounds", str(random.choice(NUMBERS))
    if how == 2:
        return "--set", random.choice((*texts, "a=b", "="))
    given = literal(random).replace("\0", "").encode(errors="replace").decode()
    return "--set", f"{random.choice(list(Scenario.model_fields))}={given}"
