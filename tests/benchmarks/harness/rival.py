"""The systems that a user would pick instead of ours, each in an environment of its own under .bench/."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.harness.system import ROOT, System

SCRIPTS = Path(__file__).parents[2] / "rivals"


@dataclass(frozen=True)
class Rival:
    """What it takes to run a rival. The first requirement is the rival; the environment is named as the script."""

    name: str
    jobs: int
    script: str
    requirements: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def install(self) -> System:
        """Make the environment unless it is there as required, and return the system that runs in it."""
        folder = ROOT / ".bench" / Path(self.script).stem
        python = folder / "bin" / "python"
        stamp = folder / "requirements.stamp"
        wanted = "\n".join([sys.version, *self.requirements])
        if not stamp.exists() or stamp.read_text() != wanted:
            own = ROOT / ".venv" / "bin" / "uv"
            uv = str(own) if own.exists() else "uv"
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
            subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *self.requirements], check=True)
            stamp.write_text(wanted)
        version = self.requirements[0].split("==")[1]
        return System(self.name, self.jobs, [str(python), str(SCRIPTS / self.script)], version, self.environment)


# Each gets uvloop and hiredis where it can use them: a rival is measured at its best.
ARQ = ("arq==0.28.0", "uvloop")
RIVALS = (
    Rival("arq", 600, "with_arq.py", ARQ),
    Rival("arq, poll_delay=0", 8_000, "with_arq.py", ARQ, {"ARQ_POLL_DELAY": "0"}),
    Rival("SAQ", 8_000, "with_saq.py", ("saq[redis,hiredis]==0.26.4", "typing-extensions", "uvloop")),
    Rival("streaQ", 5_000, "with_streaq.py", ("streaq==7.2.0", "uvloop")),
    Rival("taskiq", 8_000, "with_taskiq.py", ("taskiq==0.13.0", "taskiq-redis==1.2.4", "redis[hiredis]", "uvloop")),
    Rival("Celery", 4_000, "with_celery.py", ("celery[redis]==5.7.0", "redis[hiredis]")),
)
