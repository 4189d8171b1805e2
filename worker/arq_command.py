"""`python -m worker.arq_command myapp.worker.WorkerSettings`: the `arq` command with all its options, whose worker is
Pressroom's. `--pickle` lets it open the pickles of the application's clients, as `python -m worker --arq` has it.
"""

from typing import Any

import arq.worker
import click
from arq.cli import cli

from worker.application.pressroom_worker import PressroomWorker
from worker.application.worker_settings import read_worker_settings

PICKLE = click.Option(["--pickle"], is_flag=True, help="Open the pickles of the application's clients.")


def _run(*, pickle: bool, **options: Any) -> None:
    try:
        read_worker_settings(options["worker_settings"], pickle=pickle or options["check"])
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    arq.worker.Worker = PressroomWorker  # type: ignore[misc] # where the command takes it from
    assert cli.callback is not None  # noqa: S101 - a command has one
    cli.callback(**options)


command = click.Command("arq", params=[*cli.params, PICKLE], callback=_run, help=cli.help)

if __name__ == "__main__":
    command()
