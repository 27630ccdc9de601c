"""A wrong configuration: file, key, value and remedy on stderr, exit status 2, and nothing has begun."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bridge import app, packaged
from bridge.core.resources import Resources
from bridge.settings import load
from bridge.sim import SimConfig
from tests.cli.stage import Stage, run, staged

TEMPLATE = yaml.safe_load(packaged.path("config/nodemanager-pod.yaml").read_text(encoding="utf-8"))

WRONG = {
    "unknown key": (
        "pools.night.limits",
        {"max_node": 5},
        "pools.night.limits.max_node",
        "5",
        "did you mean max_nodes?",
    ),
    "bad cron": ("windows.0.cron", "0 25 * * *", "windows[0].cron", "'0 25 * * *'", "Sunday is 0 or 7"),
    "unknown time zone": (
        "windows.0.timezone",
        "Asia/Shangai",
        "windows[0].timezone",
        "'Asia/Shangai'",
        "did you mean Asia/Shanghai?",
    ),
    "unknown mode": ("mode", "force", "mode", "'force'", "use 'observe', 'advise' or 'enforce'"),
    "no pod template": (
        "pools.night.pod_template",
        "nowhere.yaml",
        "pools.night.pod_template",
        "'nowhere.yaml'",
        "correct the path",
    ),
    "no kubeconfig": (
        "kubernetes.kubeconfig",
        "nowhere",
        "kubernetes.kubeconfig",
        "/nowhere'",
        "name a kubeconfig that kubectl can use",
    ),
    "no such context": ("kubernetes.context", "prod", "kubernetes.context", "'prod'", "a context that it has"),
}


@pytest.mark.parametrize(("path", "value", "key", "shown", "remedy"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_told_with_file_key_value_and_remedy(
    stage: Stage, path: str, value: object, key: str, shown: str, remedy: str
) -> None:
    stage.change(path, value)
    said = stage.say("plan")
    assert (said.code, said.out) == (2, "")
    assert f"tidebridge: {stage.file}: {key} is " in said.err
    assert shown in said.err
    assert remedy in said.err
    assert not stage.database.exists()


def test_a_window_that_ends_when_it_starts_is_refused(stage: Stage) -> None:
    stage.change("windows.0", {**stage.settings["windows"][0], "cron": "30 6 * * *", "back_by": "06:30"})
    said = stage.say("plan")
    assert said.code == 2
    assert "windows[0].back_by is '06:30': is when the window starts, so it has no length; set a later time" in said.err


@pytest.mark.parametrize("command", ["db upgrade", "run", "plan", "status", "explain offer", "pause", "resume"])
def test_every_command_refuses_a_wrong_file_before_it_does_anything(stage: Stage, command: str) -> None:
    stage.change("windows.0.cron", "at night")
    said = stage.say(*command.split())
    assert (said.code, said.out) == (2, "")
    assert "windows[0].cron is 'at night': has not five fields" in said.err
    assert not stage.database.exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "plan", "--config", str(tmp_path / "none.yaml"))
    assert said.code == 2
    assert f"{tmp_path / 'none.yaml'}: can't be read: No such file or directory; correct the path" in said.err


def test_a_template_without_the_container_is_refused(stage: Stage) -> None:
    (container,) = TEMPLATE["spec"]["containers"]
    body = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "containers": [{**container, "name": "main"}]}}
    (stage.folder / "pod.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")
    stage.change("pools.night.pod_template", "pod.yaml")
    said = stage.say("plan")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"tidebridge: {stage.file}: pools.night.pod_template is '{stage.folder / 'pod.yaml'}': "
        "spec.containers has no container `nodemanager`; name the container that runs the NodeManager so\n"
    )
    assert not stage.database.exists()


def test_a_shape_below_the_clusters_minimum_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    minimum = Resources(vcores=1, memory_mib=10_240)
    with staged(tmp_path, SimConfig(minimum=minimum, am_size=minimum)) as stage:
        stage.capture = capsys
        stage.prepare()
        before = stage.trace()
        said = stage.say("plan")
        assert (said.code, said.out) == (2, "")
        assert f"{stage.file}: pools.night.shape is 4 vcores and 8192 MiB: " in said.err
        assert "below the cluster's minimum allocation, 1 vcores and 10240 MiB" in said.err
        assert "raise the shape, or lower yarn.scheduler.minimum-allocation-mb and -vcores" in said.err
        with (
            app.running(load(stage.file), follow=True) as built,
            pytest.raises(app.SetupError, match="raise the shape"),
        ):
            app.refuse_unfit_shapes(built)
        assert stage.trace() == before
