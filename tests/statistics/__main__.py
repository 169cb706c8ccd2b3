"""How often verdicts are false, and how often differences are found, by simulation with bench's functions.

python -m tests.statistics [--short] [--only PART]
"""

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple

from rich.console import Console
from rich.table import Table

from bench.views.sheet import Sheet
from tests.statistics import costs, gate, nodes, quality, repetition
from tests.statistics.tables import Cases, between, rates, within


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a small part of it, in half a minute")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; repeatable")
    options = parser.parse_args()
    console = Console()
    for name in options.only or PARTS:
        began = time.perf_counter()
        for table in PARTS[name](options.short):
            console.print(drawn(table) if isinstance(table, Sheet) else table)
        console.print(f"{name}: {time.perf_counter() - began:.0f} s\n")


def verdicts(title: str, cases: Cases) -> Callable[[bool], Iterable[Table]]:
    def tables(short: bool):
        columns = ("", "tables", "false tables", "overall wrong", "intervals hold", "5 % found", "overall")
        rows = []
        for name, sides, number in cases(short):
            shares = astuple(rates(sides, number))
            rows.append((name, str(number), *(f"{share * 100:.1f} %" for share in shares)))
        yield drawn(Sheet(title, "shares of simulated tables", columns, tuple(rows)))

    return tables


def drawn(sheet: Sheet) -> Table:
    table = Table(title=f"{sheet.name}: {sheet.what}", title_justify="left", show_edge=False)
    for place, name in enumerate(sheet.header):
        table.add_column(name, justify="right" if place else "left")
    for row in sheet.rows:
        table.add_row(*row)
    return table


PARTS = {
    "within": verdicts("Both sides in one session", within),
    "between": verdicts("Each side in sessions of its own", between),
    "nodes": nodes.tables,
    "quality": quality.tables,
    "repetition": repetition.tables,
    "gate": gate.tables,
    "costs": costs.tables,
}

if __name__ == "__main__":
    main()
