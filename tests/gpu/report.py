"""What the check leaves: a report to read, figures to compute with, a log. Everything is on disk at once."""

import json
import os
import tarfile
from pathlib import Path


class Report:
    """The files of a check in `folder`: few and flat, appended to, by its stages one after another."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log.txt"

    def write(self, text=""):
        """Lines of Markdown."""
        _append(self.folder / "report.md", text + "\n")

    def table(self, headers, rows):
        self.write(markdown_row(headers))
        self.write(markdown_row(["---"] * len(headers)))
        for row in rows:
            self.write(markdown_row(row))
        self.write()

    def quote(self, text):
        """Text as it is, in a fence."""
        self.write(f"```\n{text.strip()}\n```\n")

    def figure(self, stage, **figures):
        """A line of JSON."""
        _append(self.folder / "figures.jsonl", json.dumps({"stage": stage, **figures}, default=str) + "\n")

    def pack(self, results):
        """The sessions in `results` as one file, replaced whole."""
        if not Path(results).is_dir():
            return
        packed = self.folder / "results.tar.gz"
        begun = packed.with_suffix(".tmp")
        with tarfile.open(begun, "w:gz") as archive:
            archive.add(results, "results")
        begun.replace(packed)


def markdown_row(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _append(path, text):
    with path.open("a") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
