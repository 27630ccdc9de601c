"""The command that shows the calendar."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from bridge.cli.main import cli

EXAMPLE = Path(__file__).parents[2] / "config" / "tidebridge.yaml"


def invoke(*words: str, config: Path = EXAMPLE) -> Result:
    return CliRunner().invoke(cli, ["windows", "-c", str(config), *words])


def ask(*words: str, config: Path = EXAMPLE) -> str:
    found = invoke(*words, config=config)
    assert found.exit_code == 0, found.output
    return found.stdout


def write_config(directory: Path, *windows: dict[str, object]) -> Path:
    """Write the example's settings with other windows."""
    values = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    values["pools"]["night"]["pod_template"] = str(EXAMPLE.parent / "nodemanager-pod.yaml")
    common = {"pool": "night", "timezone": "Europe/Berlin", "max_ratio": 0.6}
    values["windows"] = [common | window for window in windows]
    file = directory / "tidebridge.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return file


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


def test_the_table_says_when_work_stops_is_forced_and_is_back_and_ends_with_notes() -> None:
    shown = [" ".join(line.split()) for line in ask("--from", "2026-02-13T12:00", "--to", "2026-02-15").splitlines()]
    assert shown == [
        "night (Asia/Shanghai)",
        "from lend windows lead from forced back by",
        "Fri 13 Feb 12:00 nothing - - - -",
        "Fri 13 Feb 22:00 60% weeknights Fri 23:15 Fri 23:59 Sat 14 Feb 00:00",
        "Sat 14 Feb 00:00 nothing freeze-festival - - -",
        "Sat 14 Feb 00:00: closed by exception freeze-festival",
    ]


def test_the_table_names_windows_that_have_no_opening() -> None:
    assert "freeze-festival: has no opening in this time" in ask("--from", "2026-05-01", "--to", "2026-05-02")


def test_what_limits_and_what_the_clock_does_is_noted(tmp_path: Path) -> None:
    file = write_config(
        tmp_path,
        {"name": "late", "cron": "30 2 * * *", "back_by": "08:00", "end_above": 0.7},
        {"name": "small", "from": "2026-03-29 06:00", "to": "2026-03-30", "max_cores": 16, "max_ratio": 0.9},
    )
    night = json.loads(ask("--from", "2026-03-29", "--to", "2026-03-30", "--json", config=file))["pools"]["night"]
    shown = [(each["start"][11:16], each["max_cpu_millicores"], each["notes"]) for each in night["segments"]]
    assert shown == [
        ("00:00", None, []),
        ("03:00", None, ["load may close it", "the clock goes from Sun 02:00 to Sun 03:00"]),
        ("06:00", 16000, ["limited by late, small", "load may close it"]),
        ("08:00", 16000, []),
    ]


def test_another_clock_can_be_asked_for() -> None:
    words = ("--from", "2026-02-10", "--to", "2026-02-11", "--pool", "night", "--timezone", "UTC")
    shown = [line.split()[:5] for line in ask(*words).splitlines()[2:]]
    assert ["Tue", "10", "Feb", "14:00", "60%"] in shown


def test_a_broken_calendar_file_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "holidays.ics").write_text("garbage", encoding="utf-8")
    found = invoke(config=write_config(tmp_path, {"name": "holidays", "calendar": "holidays.ics"}))
    assert found.exit_code != 0
    assert "windows[0].calendar" in str(found.exception)
    assert "isn't an iCalendar file" in str(found.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("--from", "2026-05-02", "--to", "2026-05-01"), "--to: must be later", id="no length"),
        pytest.param(("--from", "tomorrow"), "--from: 'tomorrow' isn't a day or a time", id="no day"),
        pytest.param(("--pool", "day"), "no pool is called 'day'; there are: night", id="no pool"),
        pytest.param(("--timezone", "Mars"), "--timezone: 'Mars' isn't a known time zone", id="no zone"),
    ],
)
def test_a_wrong_option_is_refused(words: tuple[str, ...], said: str) -> None:
    found = invoke(*words)
    assert (found.exit_code, said in found.stderr) == (2, True)
