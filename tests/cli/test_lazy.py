"""A command doesn't wait for what only another one needs."""

from __future__ import annotations

import subprocess
import sys

import click

from bridge.cli.main import cli

_HEAVY = "import sys, bridge.cli.main; print(*({'matplotlib', 'bridge.replay'} & set(sys.modules)))"


def test_the_commands_of_the_controller_dont_import_what_draws_a_replay() -> None:
    done = subprocess.run([sys.executable, "-c", _HEAVY], check=True, capture_output=True, text=True)
    assert "matplotlib" not in done.stdout
    assert "bridge.replay" not in done.stdout


def test_every_command_is_listed_and_has_its_own_name() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
