"""`bin/bench NAME [--json FILE] [--page]` runs one benchmark, a module with `run() -> Report`, and prints its table."""

import argparse
import importlib
import os
import sys
from pathlib import Path

from tests.benchmarks.harness import page
from tests.benchmarks.harness.report import Report

BENCHES = ("queue", "api", "memory", "kill", "reports", "listing", "webhooks", "images")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench", description="Measure Pressroom beside what a user would pick.")
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    parser.add_argument("--page", action="store_true", help="put the table into docs/benchmarks.md")
    images = parser.add_argument_group("images")
    images.add_argument("--photos", type=_folder, metavar="DIR", help="measure these pictures too")
    images.add_argument("--part", choices=("rendering", "end_to_end", "fairness"), help="measure this part alone")
    arguments = parser.parse_args()
    chosen = {name: getattr(arguments, name) for name in ("photos", "part")} if arguments.name == "images" else {}
    os.environ.setdefault("DEV", "1")  # the processes that are measured need neither keys nor a public address
    report: Report = importlib.import_module(f"tests.benchmarks.{arguments.name}").run(**chosen)
    sys.stdout.write(report.table() + "\n")
    if arguments.json:
        report.write(arguments.json)
    if arguments.page:
        page.write(report)


def _folder(text: str) -> Path:
    """Whole, since the programs that are measured have working folders of their own."""
    folder = Path(text).resolve()
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return folder


if __name__ == "__main__":
    main()
