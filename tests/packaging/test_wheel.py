"""An installed wheel works outside the checkout: what the code needs beside itself travels in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from tests.cli.stage import staged

ROOT = Path(__file__).parents[2]
TRAVELS = (
    "bridge/_packaged/migrations/env.py",
    "bridge/_packaged/migrations/versions/0001_first.py",
    "bridge/_packaged/migrations/versions/0002_shares.py",
    "bridge/_packaged/config/demo.yaml",
    "bridge/_packaged/config/nodemanager-pod.yaml",
    "bridge/_packaged/config/rbac-lease.yaml",
    "bridge/_packaged/config/rbac-metrics.yaml",
    "bridge/_packaged/config/rbac-tenants.yaml",
    "bridge/_packaged/config/rbac.yaml",
    "bridge/_packaged/config/tidebridge.yaml",
    "bridge/sim/traces/crane14.csv",
    "bridge/sim/traces/fb2009.csv",
    "bridge/sim/traces/README.md",
    "bridge/py.typed",
    "k8s_pool/py.typed",
    "yarn_client/py.typed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A virtual environment with the wheel, and a folder that has nothing to do with the checkout."""

    bin: Path
    folder: Path

    def run(self, *words: str | Path) -> str:
        """Run a command of the environment in the folder; return what it printed."""
        keep = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TIDEBRIDGE"))}
        command = [self.bin / words[0], *words[1:]]
        done = subprocess.run(
            command, check=False, cwd=self.folder, env=keep, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the locked backend."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("tidebridge-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in a fresh environment, which borrows the dependencies of the one that runs the tests."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=True)
    made = Installed(bin=home / "venv/bin", folder=tmp_path_factory.mktemp("elsewhere"))
    made.run("python", "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile", wheel)
    site = Path(made.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return made


def test_what_the_code_needs_beside_itself_is_in_the_wheel_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as content:
        names = content.namelist()
    assert [name for name in TRAVELS if name not in names] == []
    folders = {name.partition("/")[0] for name in names}
    assert folders == {"bridge", "k8s_pool", "yarn_client", "tidebridge-0.1.0.dist-info"}
    assert [name for name in names if name.endswith((".pyc", ".db"))] == []


def test_it_is_the_wheel_that_runs_and_not_the_checkout(installed: Installed) -> None:
    found = installed.run("python", "-c", "import bridge, k8s_pool, yarn_client; print(bridge.__file__)")
    assert Path(found.strip()).is_relative_to(installed.bin.parent)
    assert installed.run("tidebridge", "--version") == "tidebridge, version 0.1.0\n"


def test_a_database_and_a_plan_are_made_from_another_folder(installed: Installed, tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        del stage.settings["pools"]["night"]["pod_template"]
        stage.write()
        upgraded = installed.run("tidebridge", "db", "upgrade", "--config", stage.file, "--json")
        assert json.loads(upgraded) == {"from": "empty", "to": "0004"}
        assert stage.database.is_file()
        stage.submit()
        planned = json.loads(installed.run("tidebridge", "plan", "--config", stage.file, "--json"))
        assert [step["do"] for step in planned["pools"][0]["plan"]] == ["create_pod"] * 6
    assert list(installed.folder.iterdir()) == []


def test_the_demonstration_finds_its_settings_and_its_day(installed: Installed) -> None:
    code = (
        "from bridge import packaged; from bridge.demo.day import Day, make_world; make_world(Day());"
        "print(packaged.path('config/demo.yaml').read_text())"
    )
    settings = yaml.safe_load(installed.run("python", "-c", code))
    assert list(settings["pools"]) == ["night"]
