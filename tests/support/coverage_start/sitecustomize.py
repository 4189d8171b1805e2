"""Begins to measure coverage in a sandbox's zygote, to which the worker passes no variable but those of Python.

tests/conftest.py puts this folder on PYTHONPATH while `--cov` is measured.
"""

import os
import sys
from pathlib import Path

if "COVERAGE_PROCESS_CONFIG" not in os.environ and "PYTHON_COVERAGE_CONFIG" in os.environ:
    import coverage

    os.environ["COVERAGE_PROCESS_CONFIG"] = os.environ["PYTHON_COVERAGE_CONFIG"]
    if measuring := coverage.process_startup():
        measuring.config.sigterm = False  # the sandbox ignores SIGTERM
    del os.environ["COVERAGE_PROCESS_CONFIG"]

    # Children write their data when they end, beside the code.
    ROOT = Path(__file__).parents[3]
    sys.path.insert(0, str(ROOT))
    from worker.sandbox.isolation import landlock

    class _RulesOfCoverage(landlock.PathRules):
        def restrict(self) -> None:
            self.allow([str(ROOT)], landlock.WRITE)
            super().restrict()

    landlock.PathRules = _RulesOfCoverage  # type: ignore[misc]
    sys.path.remove(str(ROOT))
