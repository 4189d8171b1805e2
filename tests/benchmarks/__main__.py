"""`bin/bench NAME [--json FILE]`: runs one benchmark, a module here with `run() -> Report`, and prints its table."""

import argparse
import importlib
import sys
from pathlib import Path

from tests.benchmarks.report import Report

BENCHES = ("queue", "api", "memory", "kill", "reports")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench", description="Measure Pressroom beside what a user would pick.")
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    arguments = parser.parse_args()
    report: Report = importlib.import_module(f"tests.benchmarks.{arguments.name}").run()
    sys.stdout.write(report.table() + "\n")
    if arguments.json:
        report.write(arguments.json)


if __name__ == "__main__":
    main()
