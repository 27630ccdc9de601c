"""`tidebridge forecast backtest`: JSON to the letter, a table, and refusals that name file, line, column and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.stage import Said, run
from tests.core.forecast.build import DAY, wave

HEAD = "timestamp_s,load\n"


def write(file: Path, loads: list[str], *, first_s: int = 0, step_s: int = 300) -> Path:
    rows = (f"{first_s + number * step_s},{load}\n" for number, load in enumerate(loads))
    file.write_text(HEAD + "".join(rows), encoding="utf-8")
    return file


def cells(days: float) -> list[str]:
    return [f"{load:.4f}" for load in wave(days)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """One series from 0 and one in real time that has lost a few samples."""
    folder = tmp_path_factory.mktemp("series")
    with_gaps = cells(4.3)
    with_gaps[700:712] = [""] * 12
    return str(write(folder / "one.csv", cells(4.2))), str(write(folder / "two.csv", with_gaps, first_s=1772409600))


def ask(capture: pytest.CaptureFixture[str], *words: str) -> Said:
    return run(capture, "forecast", "backtest", *words)


def test_json_has_each_series_and_horizon_the_means_and_the_worst(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = ask(capsys, *files, "--horizon-min", "60,30", "--json")
    assert (said.code, said.err) == (0, "")
    found = said.json
    assert list(found) == ["series", "mean", "worst"]
    assert [(each["name"], each["horizon_min"], each["decisions"]) for each in found["series"]] == [
        ("one", 30, int(4.2 * DAY) - 4 * DAY - 6),
        ("one", 60, int(4.2 * DAY) - 4 * DAY - 12),
        ("two", 30, int(4.3 * DAY) - 4 * DAY - 6),
        ("two", 60, int(4.3 * DAY) - 4 * DAY - 12),
    ]
    ratios = ["violated_ratio", "severe_ratio", "reclaimed_ratio", "oracle_reclaimed_ratio"]
    assert all(list(each) == ["name", "horizon_min", "decisions", *ratios] for each in found["series"])
    assert [(key, list(each)) for key, each in found["mean"].items()] == [
        (key, ["violated_ratio", "reclaimed_ratio"]) for key in ("30", "60")
    ]
    assert [(key, list(each)) for key, each in found["worst"].items()] == [
        (key, ["violated_ratio"]) for key in ("30", "60")
    ]
    assert ask(capsys, *files, "--horizon-min", "60,30", "--json").out == said.out


def test_the_table_ends_with_mean_and_worst(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    said = ask(capsys, files[0], "--horizon-min", "60")
    heading, series, *rest = [line.split() for line in said.out.splitlines() if line.strip()]
    assert heading[:4] == ["series", "min", "decisions", "violated"]
    assert series[:3] == ["one", "60", "45"]
    assert [line[:2] for line in rest] == [["mean", "60"], ["worst", "60"]]


def test_shorter_steps_are_averaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = write(tmp_path / "series.csv", cells(4.2))
    five = ask(capsys, str(plain), "--horizon-min", "30", "--json").out
    thrice = [load for load in cells(4.2) for _ in range(3)]
    write(plain, thrice, step_s=100)
    assert ask(capsys, str(plain), "--horizon-min", "30", "--json").out == five


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("when,load\n0,1\n", "line 1: no column is called timestamp_s; name the columns", id="column"),
        pytest.param(HEAD + "0,0.1\n300,much\n", "line 3, load: 'much' isn't a number; correct the cell", id="word"),
        pytest.param(HEAD + "0,0.1\n300,-1\n", "line 3, load: -1 is below 0", id="negative"),
        pytest.param(HEAD + "0,nan\n300,1\n", "line 2, load: 'nan' isn't a number", id="nan"),
        pytest.param(HEAD + "0,1\n300,1\n900,1\n", "line 4, timestamp_s: 900 isn't one step after", id="step"),
        pytest.param(HEAD + "300,1\n0,1\n", "line 3, timestamp_s: 0 isn't one step after", id="backward"),
        pytest.param(
            HEAD + "0,1\n420,1\n", "line 3, timestamp_s: a step of 420 s; steps must divide 300 s", id="seven"
        ),
        pytest.param(HEAD + "0,1\n", "has 1 rows of load", id="one row"),
        pytest.param(
            HEAD + "0,0.5\n300,0.5\n", "has 2 steps, and more than 1176 are needed: name a longer", id="short"
        ),
    ],
)
def test_a_file_that_does_not_serve_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text, encoding="utf-8")
    said = ask(capsys, str(file), "--json")
    assert (said.code, said.out) == (2, "")
    assert words in " ".join(said.err.split())
    assert "bad" in said.err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ask(capsys, str(tmp_path / "none.csv"))
    assert (said.code, "none.csv" in said.err, "name a CSV file" in " ".join(said.err.split())) == (2, True, True)


@pytest.mark.parametrize("minutes", ["", "soon", "7", "0", "-30", "725", "30;60"])
def test_a_horizon_that_makes_no_sense_is_refused(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str], minutes: str
) -> None:
    said = ask(capsys, files[0], f"--horizon-min={minutes}")
    assert said.code == 2
    assert "--horizon-min" in said.err
