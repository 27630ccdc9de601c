"""The three worlds, each made once, with the cast in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from tests.contract import lab, simulated
from tests.contract.scene import Prologue, Scene
from tests.contract.worlds import World

WORLDS = ("sim", "sim-http", pytest.param("lab", marks=pytest.mark.lab))


@pytest.fixture(scope="session", params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which nothing of the suite is left from before."""
    folder = tmp_path_factory.mktemp("contract")
    opened: AbstractContextManager[World]
    match request.param:
        case "sim":
            opened = simulated.direct()
        case "sim-http":
            opened = simulated.over_http(folder)
        case _:
            opened = lab.connected_to_lab(folder)
    with opened as world:
        world.clean()
        try:
            yield world
        finally:
            world.clean()


@pytest.fixture(scope="session")
def empty_scene(world: World) -> Scene:
    """The world before anybody is on it."""
    return Scene(world)


@pytest.fixture(scope="session")
def prologue(empty_scene: Scene) -> Prologue:
    """What was seen while the cast came."""
    return empty_scene.set_up()


@pytest.fixture
def scene(empty_scene: Scene, prologue: Prologue) -> Scene:
    """The world with the cast in it."""
    return empty_scene
