"""How often verdicts are false, and how often differences are found, by simulation with bench's functions.

python -m tests.statistics [--short] [--only within|between|nodes|quality|repetition]
"""

import argparse
import time
from dataclasses import astuple

from rich.console import Console
from rich.table import Table

from tests.statistics.tables import Cases, between, rates, within


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a tenth of it, in half a minute")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; repeatable")
    options = parser.parse_args()
    console = Console()
    for name in options.only or PARTS:
        began = time.perf_counter()
        for table in PARTS[name](options.short):
            console.print(table)
        console.print(f"{name}: {time.perf_counter() - began:.0f} s\n")


def verdicts(title: str, cases: Cases):
    def tables(short: bool):
        table = Table(title=title, title_justify="left", show_edge=False)
        for column in (
            "",
            "tables",
            "false tables",
            "overall wrong",
            "intervals hold",
            "5 % found",
            "overall",
        ):
            table.add_column(column, justify="right" if column else "left")
        for name, sides, number in cases(short):
            found = rates(sides, number)
            table.add_row(name, str(number), *(f"{share * 100:.1f} %" for share in astuple(found)))
        yield table

    return tables


PARTS = {
    "within": verdicts("Both sides in one session", within),
    "between": verdicts("Each side in sessions of its own", between),
}

if __name__ == "__main__":
    main()
