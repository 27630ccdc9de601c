"""Replicas as the product builds them, from settings: one holds the Lease, and its ports are behind a fence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from bridge import app
from bridge.controller.election import Election
from bridge.controller.fence import Fence
from bridge.controller.fenced import fenced_pool
from bridge.controller.tick import tick
from bridge.core.election import NOBODY
from bridge.ports import NotLeader
from bridge.settings import load
from k8s_pool import KubeLeases, LeaseOrder, connect
from tests.cli.stage import Stage
from tests.controller.test_tick import wait_until

NOWHERE = "postgresql+psycopg://tidebridge@127.0.0.1:1/tidebridge"
"""A database that isn't there: a replica starts without it, and lends nothing."""


@pytest.fixture
def leases(stage: Stage) -> Iterator[KubeLeases]:
    """An API server with a Lease that nobody has, and settings that name it."""
    stage.change("store", {"url": NOWHERE})
    stage.change("leadership", {"kind": "lease", "name": "turns", "lease_s": 5, "renew_s": 0.1, "margin_s": 1.0})
    with closing(connect(kubeconfig=stage.folder / "kubeconfig", in_cluster=False)) as api:
        found = KubeLeases(api, "tidebridge")
        found.create("turns", LeaseOrder(holder=NOBODY, lease_s=5, at=datetime.now(UTC)))
        yield found


def holder(leases: KubeLeases) -> str:
    found = leases.get("turns")
    assert found is not None
    return found.holder


def election_of(built: app.App) -> Election:
    assert built.election is not None
    return built.election


def test_one_leads_and_the_other_follows_at_once_when_it_ends(stage: Stage, leases: KubeLeases) -> None:
    settings = load(stage.file)
    with app.running(settings, follow=True) as standby:
        with app.running(settings, follow=True) as first:
            wait_until(lambda: holder(leases) != NOBODY)
            leader, other = (first, standby) if holder(leases) == election_of(first).me else (standby, first)
            wait_until(lambda: election_of(leader).term() == 1)
            assert election_of(other).term() is None
            assert ([pool.begin() for pool in leader.pools], [pool.begin() for pool in other.pools]) == ([1], [None])
        # The second to start is the first to end; if it was the leader, it has given the lease up.
        wait_until(lambda: election_of(standby).term() == 1)
    assert holder(leases) == NOBODY


def test_a_standby_that_ticked_all_the_same_would_change_nothing(stage: Stage, leases: KubeLeases) -> None:
    found = leases.get("turns")
    assert found is not None
    order = LeaseOrder(holder="somebody", lease_s=300, at=datetime.now(UTC))
    leases.replace("turns", order, uid=found.uid, version=found.version)
    stage.submit()
    with app.running(load(stage.file), follow=True, clock=stage.world.clock) as built:
        (pool,) = built.pools
        assert pool.begin() is None
        with pytest.raises(NotLeader):
            tick(pool)
    assert stage.pods == {}
    assert holder(leases) == "somebody"


def test_without_the_api_server_nobody_leads_and_then_one_does_in_a_new_term(stage: Stage, leases: KubeLeases) -> None:
    with app.running(load(stage.file), follow=True) as built:
        election, (pool,) = election_of(built), built.pools
        wait_until(lambda: pool.begin() == 1)
        stage.world.faults.take_down("kube", until=10**9)
        wait_until(lambda: election.term() is None)
        with pytest.raises(NotLeader):
            pool.kube.tell("Any", "words")
        stage.world.faults.take_down("kube", until=0)
        wait_until(lambda: pool.begin() == 2)
    assert holder(leases) == NOBODY


def test_a_persons_command_needs_no_lease(stage: Stage) -> None:
    stage.prepare()
    with app.running(load(stage.file), follow=False) as built:
        assert built.election is None
        assert [pool.begin() for pool in built.pools] == [0]


@dataclass(frozen=True, slots=True)
class Leading:
    """A replica that leads."""

    me: str

    def term(self) -> int:
        return 1


def test_status_says_whose_tick_it_was(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.prepare()
    stage.capture = capsys
    with app.running(load(stage.file), follow=False, clock=stage.world.clock) as built:
        pool = fenced_pool(built.pools[0], Fence(Leading("replica-1")))
        assert pool.begin() == 1
        tick(pool)
    assert "s ago by replica-1" in stage.say("status").out
    assert stage.say("status", "--json").json["pools"][0]["leader"] == "replica-1"
    stage.tick()
    assert stage.say("status", "--json").json["pools"][0]["leader"] is None
