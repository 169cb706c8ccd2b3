"""Conditions on rows: expressions of a small grammar, most of them of kinds that go together."""

import json

import pyarrow as pa

from bench.analysis.frame import where
from bench.analysis.operations import FUNCTIONS, METHODS, kind, plain
from bench.errors import BenchError
from tests.fuzz.judge import command
from tests.fuzz.kinds.sessions import recorded, session_files, write_session
from tests.fuzz.mutate import NUMBERS, TEXTS, damaged
from tests.output import FlawError

KINDS = ("number", "text", "truth", "time", "list")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not")
SIGNS = ("+", "-", "*", "/", "//", "%", "**") * 5 + ("&", "|", "@", "<<", "^")
DATES = (
    *("2026-01-31", "2026", "2026-09", "2026-01-31T14:25", "2026-01-31 14:25:30+02:00", "1e9"),
    *("0001-01-01", "9999-12-31T23:59", "9999-12-31T23:59-14:00"),
)
ODD = ("None", "...", "b'x'", "1j", "nothing", "@x", "[]", "()", "{}", "x := 1", "lambda: 0", "f'{label}'")
PATTERNS = ("batch", "^", "(", "[a-", "(?i)B", "(a+)+$", "\\d", "*")
TOO_ODD = 0.015
NO_RUN = "holds for no run"


class Conditions:
    name = "condition"
    short, batch = 600, 600

    def begin(self):
        runs = recorded().runs
        nothing = pa.table({field.name: pa.nulls(3, field.type) for field in runs.schema})
        self.tables = [runs.slice(0, 12), runs.slice(0, 1), nothing, runs.slice(0, 0)]
        self.columns = columns_of(runs)

    def case(self, folder, random):
        expression = condition(self.columns, random)
        (folder / "expression").write_text(json.dumps(expression))
        if random.random() < 0.01:
            results = write_session(folder / "results", session_files())
            return lambda: command("show", results, "--where", expression)
        table = random.choice(self.tables)
        return lambda: halved(table, expression)


def halved(table, expression):
    """The rows for which it holds and those for which it does not are all of them, and none is both."""
    held = rows(table, expression)
    others = rows(table, f"not ({expression}\n)")
    if held + others != table.num_rows:
        raise FlawError(f"rows that are lost or doubled: {held} and {others} of {table.num_rows}")
    if not held:
        raise BenchError(NO_RUN)


def rows(table, expression):
    try:
        chosen = where(table, expression)
    except BenchError as error:
        if NO_RUN not in str(error):
            raise
        return 0
    if chosen.schema != table.schema:
        raise FlawError("other columns than the table's: ")
    return chosen.num_rows


def columns_of(table):
    """Names of columns by the kind of their values, as conditions see them."""
    kinds = {name: kind(plain(table.column(name), name)) for name in table.schema.names}
    return {of: [name for name, its in kinds.items() if its == of] for of in KINDS}


def condition(columns, random):
    """A whole one; some are no Python."""
    text = truth(columns, random, random.choice((0, 1, 1, 2, 2, 3, 4)))
    if random.random() < 0.03:
        text = damaged(text.encode(errors="surrogatepass"), random).decode(errors="replace")
    if random.random() < 0.005:
        text = random.choice(("(", "not ", "-")) * random.choice((50, 5_000, 100_000)) + text
    return text


def truth(columns, random, depth):
    how = random.randrange(8) if depth else random.randrange(3)
    if how < 3:
        return comparison(columns, random, depth)
    if how == 3:
        return f"{random.choice(('not ', '~', 'not not '))}({truth(columns, random, depth - 1)})"
    if how == 4:
        return call(columns, random, depth)
    if how == 5:
        return random.choice((*columns["truth"], "True", "false", "jit == 1"))
    join = random.choice((" and ", " or ", " & ", " | "))
    return join.join(f"({truth(columns, random, depth - 1)})" for _ in range(random.randint(2, 3)))


def comparison(columns, random, depth):
    of = random.choice(("number", "number", "text", "text", *KINDS))
    if of == "list":
        column, item = random.choice(columns["list"]), literal(random.choice(("number", "text")), random)
        return f"{item} {random.choice(COMPARISONS[-4:-2])} {column}"
    parts = [value(of, columns, random, depth)]
    for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
        by = random.choice(COMPARISONS)
        listed = by in COMPARISONS[-4:-2] and random.random() < 0.98
        parts += [by, some_list(of, columns, random) if listed else value(of, columns, random, depth)]
    return " ".join(parts)


def value(of, columns, random, depth):
    """Something of kind `of`, but for now and then."""
    if random.random() < TOO_ODD:
        of = random.choice(KINDS)
    if random.random() < TOO_ODD:
        return random.choice(ODD)
    if random.random() < 0.6 and columns[of]:
        return random.choice(columns[of])
    if of == "number" and depth and random.random() < 0.5:
        return reckoning(columns, random, depth)
    return literal(of, random)


def literal(of, random):
    texts = (*TEXTS, *DATES) if of == "text" else DATES
    if of == "truth":
        return random.choice(("True", "False", "true", "None"))
    if of == "number":
        number = random.choice((*NUMBERS, *range(5), 100))
        return str(number) if number == number and abs(number) < float("inf") else "1e999"
    if of == "list":
        items = (literal(random.choice(KINDS[:4]), random) for _ in range(random.randint(0, 3)))
        return f"[{', '.join(items)}]"
    return json.dumps(random.choice(texts), ensure_ascii=random.random() < 0.5)


def some_list(of, columns, random):
    made = literal if random.random() < 0.95 else lambda of, random: value(of, columns, random, 0)
    items = ", ".join(made(of, random) for _ in range(random.randint(0, 4)))
    return random.choice(("[{}]", "({},)", "{{{}}}")).format(items)


def reckoning(columns, random, depth):
    parts = [value("number", columns, random, depth - 1) for _ in range(2)]
    how = random.randrange(4)
    if how == 0:
        return f"{random.choice(('-', '+', '-', '~'))}({parts[0]})"
    if how == 1:
        of = random.choice(list(FUNCTIONS))
        argument = random.choice(columns["list"]) if of == "len" else parts[0]
        return f"{of}({argument})"
    return f"({f' {random.choice(SIGNS)} '.join(parts)})"


def call(columns, random, depth):
    """A method, of a column that may have it."""
    name = random.choice(list(METHODS))
    of = "text" if name.startswith("str.") else random.choice(KINDS)
    target = random.choice(columns[of]) if random.random() < 0.9 else value(of, columns, random, depth - 1)
    if name == "isin":
        given = [some_list(of, columns, random)]
    elif name.startswith("str."):
        given = [json.dumps(random.choice((*PATTERNS, *TEXTS)), ensure_ascii=random.random() < 0.5)]
    else:
        given = []
    if random.random() < TOO_ODD:
        given = random.choice(([], [*given, "1"], ["label"], ["x=1"], ["*[1]"]))
    return f"({target}).{name}({', '.join(given)})"
