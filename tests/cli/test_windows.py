"""The command that shows the calendar."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from bridge.cli.main import cli

EXAMPLE = Path(__file__).parents[2] / "config" / "tidebridge.yaml"


def ask(*words: str) -> str:
    found = CliRunner().invoke(cli, ["windows", "-c", str(EXAMPLE), *words])
    assert found.exit_code == 0, found.output
    return found.stdout


def test_json_says_each_change_until_when_and_why() -> None:
    night = json.loads(ask("--from", "2026-02-13", "--to", "2026-02-24", "--json"))["pools"]["night"]
    shown = [(each["start"][5:16], each["max_ratio"], each["notes"]) for each in night["segments"]]
    assert shown == [
        ("02-13T00:00", 0.6, []),
        ("02-13T06:30", 0.0, []),
        ("02-13T22:00", 0.6, []),
        ("02-14T00:00", 0.0, ["closed by exception freeze-festival"]),
        ("02-23T00:00", 0.0, []),
        ("02-23T22:00", 0.6, []),
    ]
    assert night["segments"][2]["back_by"] == "2026-02-14T00:00:00+08:00"


def test_the_table_names_windows_that_have_no_opening() -> None:
    assert "freeze-festival: has no opening in this time" in ask("--from", "2026-05-01", "--to", "2026-05-02")


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    found = CliRunner().invoke(cli, ["windows", "-c", str(EXAMPLE), "--from", "2026-05-02", "--to", "2026-05-01"])
    assert (found.exit_code, "--to: must be later" in found.stderr) == (2, True)
