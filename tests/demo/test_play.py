"""A stretch of the day, played by the real controller over HTTP: what must be so in every run."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli.main import cli
from bridge.core.lifecycle import State
from bridge.demo import playing
from bridge.demo.moment import Kind, Phase
from bridge.settings import load
from tests.demo.stretch import STRETCH, Played, Printed


def test_lends_and_has_everything_back_by_the_deadline(played: Played) -> None:
    report = played.report
    assert report.lent_core_hours > 0
    assert report.deadlines.total > 0
    assert report.deadlines.missed == 0
    assert report.tide.accounts.ams_killed == 0
    assert report.online_short_core_hours == 0


def test_nothing_is_lent_while_the_window_is_closed(played: Played) -> None:
    closed = [moment for moment in played.moments if moment.phase is Phase.CLOSED]
    assert closed
    assert {moment.lent_vcores for moment in closed} == {0}


def test_the_window_goes_through_its_phases_in_order(played: Played) -> None:
    phases = [moment.phase for moment in played.moments]
    seen = phases[:1] + [after for before, after in pairwise(phases) if before is not after]
    assert seen == [Phase.OPEN, Phase.LEAD, Phase.FORCED, Phase.CLOSED]


def test_no_node_is_made_once_nothing_new_may_start(played: Played) -> None:
    late = [moment for moment in played.moments if moment.phase is not Phase.OPEN]
    assert Kind.CREATE not in {deed.kind for moment in late for deed in moment.deeds}


def test_a_task_that_outlasts_the_night_is_preempted_and_counted_as_lost(played: Played) -> None:
    forced = [moment for moment in played.moments if State.FORCED in moment.states]
    assert {moment.phase for moment in forced} == {Phase.FORCED}
    assert played.report.tide.accounts.preempted_containers == 1
    assert played.report.tide.accounts.aborted_containers == 0
    assert played.report.lost_core_hours > 0


def test_what_is_used_is_no_more_than_what_is_lent_and_that_no_more_than_idle(played: Played) -> None:
    report = played.report
    assert report.useful_core_hours + report.lost_core_hours <= report.lent_core_hours <= report.idle_core_hours
    for moment in played.moments:
        assert moment.online_cores + moment.tenant_cores + moment.lent_cores <= moment.lender_cores


def test_every_read_and_act_worked(played: Played) -> None:
    assert (played.report.gaps, played.report.failed) == (0, 0)


def test_more_jobs_finish_with_the_tide_than_without(played: Played) -> None:
    tide, without = played.report.tide, played.report.without
    assert tide.accounts.jobs_submitted == without.accounts.jobs_submitted
    assert tide.accounts.jobs_finished > without.accounts.jobs_finished
    assert without.accounts.lent_core_s == 0


def test_two_runs_give_the_same_report(played: Played, printed: Printed) -> None:
    assert printed.report.plain() == played.report.plain()


def test_a_proxy_in_the_environment_is_left_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with playing(replace(STRETCH, length=timedelta(0)), tmp_path) as play:
        (moment,) = play.moments()
    assert moment.gaps == ()


def test_the_folder_that_is_kept_must_be_empty(tmp_path: Path) -> None:
    (tmp_path / "tidebridge.db").touch()
    result = CliRunner().invoke(cli, ["demo", "--keep", str(tmp_path)])
    assert result.exit_code == 2
    assert "isn't empty" in result.output


def test_leaves_its_settings_and_journal_in_the_folder(printed: Printed) -> None:
    assert {"tidebridge.yaml", "tidebridge.db"} <= {file.name for file in printed.folder.iterdir()}
    assert load(printed.folder / "tidebridge.yaml").store.url == f"sqlite:///{printed.folder / 'tidebridge.db'}"
