"""The three worlds with tenants, each made once for this folder, and gone before the suite beside it begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from tests.contract.tenants import lab, simulated
from tests.contract.tenants.stage import Enforcers, Stage

REAL = ("sim-http", pytest.param("lab", marks=pytest.mark.lab))
"""Worlds that the adapters write to. They come first, so that both lists count them alike, and each is made once."""
WORLDS = (*REAL, "sim")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test in every world that has what it asks for."""
    if "stage" in metafunc.fixturenames:
        worlds = REAL if "enforcers" in metafunc.fixturenames else WORLDS
        metafunc.parametrize("stage", worlds, indirect=True, scope="package")


@pytest.fixture(scope="package")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A world in which nothing of the suite is left from before."""
    folder = tmp_path_factory.mktemp("tenants")
    opened: AbstractContextManager[Stage]
    match request.param:
        case "sim":
            opened = simulated.direct()
        case "sim-http":
            opened = simulated.over_http(folder)
        case _:
            opened = lab.in_lab(folder)
    with opened as made:
        yield made


@pytest.fixture(scope="package")
def enforcers(stage: Stage) -> Enforcers:
    """Where shares bind in this world."""
    assert stage.enforcers is not None
    return stage.enforcers
