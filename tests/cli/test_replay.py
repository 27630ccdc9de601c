"""The command ``replay``: its answer, and what it says of input that it can't use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from bridge import packaged
from bridge.cli.replay import replay_command
from bridge.sim import TRACES

JOBS = str(TRACES / "fb2009.csv")


@pytest.fixture
def load(tmp_path: Path) -> Path:
    """Write the recorded load up to two hours after the first midnight that follows its warm-up."""
    lines = (TRACES / "crane14.csv").read_text(encoding="utf-8").splitlines()
    first_s = int(float(lines[1].split(",")[0]))
    start_s = -(-(first_s + 4 * 86_400) // 86_400) * 86_400
    kept = [line for line in lines[1:] if float(line.split(",")[0]) < start_s + 7200]
    file = tmp_path / "load.csv"
    file.write_text("\n".join([lines[0], *kept]) + "\n", encoding="utf-8")
    return file


def ask(*words: str) -> tuple[int, str]:
    nodes = ("--nodes", "2", "--vcores-per-node", "16", "--memory-mib-per-node", "65536", "--no-baselines")
    said = CliRunner().invoke(replay_command, [*nodes, *words])
    return said.exit_code, said.output


def test_it_answers_in_json_and_draws(load: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "tide.png"
    code, said = ask("--online", str(load), "--batch", JOBS, "--keep-one-in", "12", "--picture", str(drawn), "--json")
    assert code == 0
    found = json.loads(said)
    assert (found["ticks"], found["ams_killed"], found["baselines"]) == (120, 0, {})
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_it_answers_people_with_a_table(load: Path) -> None:
    code, said = ask("--online", str(load), "--batch", JOBS, "--keep-one-in", "50")
    assert code == 0
    assert "deadlines met" in said


def test_a_configurations_windows_and_limits_count(load: Path, tmp_path: Path) -> None:
    file = packaged.path("config/tidebridge.yaml")
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    pool = values["pools"]["night"]
    pool["pod_template"] = str(file.parent / "nodemanager-pod.yaml")
    pool["limits"] = {**pool.get("limits", {}), "max_nodes": 1}
    by_windows = {}
    cases: dict[str, dict[str, object]] = {
        "always": {"always": True},
        "later": {"from": "2030-01-01", "to": "2030-01-02"},
    }
    for name, window in cases.items():
        values["windows"] = [{"name": "it", "pool": "night", "timezone": "UTC", "max_ratio": 0.9, **window}]
        config = tmp_path / f"{name}.yaml"
        config.write_text(yaml.safe_dump(values), encoding="utf-8")
        code, said = ask(
            *("--online", str(load), "--batch", JOBS, "--keep-one-in", "12", "--config", str(config), "--json")
        )
        assert code == 0, said
        by_windows[name] = json.loads(said)["lent_core_hours"]
    # One node of a core, for two hours at most.
    assert 0 < by_windows["always"] <= 2
    assert by_windows["later"] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--online", "none.csv", "--batch", JOBS), "none.csv: can't be read"),
        (("--online", JOBS, "--batch", JOBS), "no column is called timestamp_s or load"),
        (("--online", "LOAD", "--batch", JOBS, "--picture", "tide.jpg"), "name a .png or .svg file"),
        (("--online", "LOAD", "--batch", JOBS, "--task-scale", "0"), "isn't above 0"),
        (("--online", "LOAD", "--batch", JOBS, "--nodes", "0"), "0 is not in the range"),
        (("--online", "LOAD", "--batch", "none.csv"), "none.csv: can't be read"),
        (("--online", "LOAD", "--batch", "LOAD"), "no column is called job_id"),
    ],
)
def test_what_is_wrong_is_named(load: Path, words: tuple[str, ...], says: str) -> None:
    code, said = ask(*(str(load) if word == "LOAD" else word for word in words))
    assert code == 2
    assert says in " ".join(said.split())


def test_a_series_without_a_day_to_play_is_refused(load: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("\n".join(load.read_text(encoding="utf-8").splitlines()[:900]) + "\n", encoding="utf-8")
    code, said = ask("--online", str(short), "--batch", JOBS)
    assert code == 2
    assert "name a longer series" in " ".join(said.split())
