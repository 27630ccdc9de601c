"""A lease keeps what is written over what was read, and nothing else: simulated, and in a real API server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bridge.adapters.clock import SystemClock
from bridge.adapters.lease import KubeLease
from bridge.core.election import NOBODY, Claim
from bridge.ports import PortError, Rejected, Unavailable
from bridge.sim import SimConfig, SimWorld, serve
from k8s_pool import KubeApi, KubeLeases, Refused, Request, connect
from k8s_pool.replies import call
from tests.contract.lab import environment

NAMESPACE = "tidebridge"
OURS = Claim(holder="ours", version="", lease_s=15.0)
THEIRS = Claim(holder="theirs", version="", lease_s=20.0, transitions=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Two replicas' hands on one lease that isn't there yet, and a third that takes it away."""

    one: KubeLease
    other: KubeLease
    delete: Callable[[], None]


def _stage(product: KubeApi, administrator: KubeApi) -> Stage:
    name = f"contract-{uuid.uuid4().hex[:8]}"
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{name}"

    def hand() -> KubeLease:
        return KubeLease(KubeLeases(product, NAMESPACE), SystemClock(), name=name, lease_s=15.0)

    def delete() -> None:
        call(administrator, Request(method="DELETE", path=path))

    return Stage(one=hand(), other=hand(), delete=delete)


@pytest.fixture(params=["sim-http", pytest.param("lab", marks=pytest.mark.lab)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    if request.param == "lab":
        product = connect(kubeconfig=Path(environment("TIDEBRIDGE_LAB_KUBECONFIG")))
        with closing(product), closing(connect()) as administrator:
            made = _stage(product, administrator)
            yield made
            with suppress(Refused):
                made.delete()
        return
    with serve(SimWorld(SimConfig(lenders=1))) as served:
        (tmp_path / "kubeconfig").write_text(served.kubeconfig, encoding="utf-8")
        with closing(connect(kubeconfig=tmp_path / "kubeconfig", in_cluster=False)) as api:
            yield _stage(api, api)


def test_it_is_made_read_and_renewed(stage: Stage) -> None:
    assert stage.one.read() is None
    made = stage.one.write(OURS, None)
    assert (replace(made, version=""), stage.other.read()) == (OURS, made)
    renewed = stage.one.write(OURS, made)
    assert renewed.version != made.version
    assert stage.one.read() == renewed


def test_it_changes_hands_and_is_given_up(stage: Stage) -> None:
    taken = stage.other.write(THEIRS, stage.one.write(OURS, None))
    assert (replace(taken, version=""), stage.one.read()) == (THEIRS, taken)
    free = stage.other.write(replace(THEIRS, holder=NOBODY), taken)
    assert (free.holder, stage.one.read()) == (NOBODY, free)


def test_of_two_that_make_it_the_first_has_it(stage: Stage) -> None:
    made = stage.one.write(OURS, None)
    with pytest.raises(Rejected, match="already exists"):
        stage.other.write(THEIRS, None)
    assert stage.other.read() == made


def test_what_was_renewed_since_isnt_taken(stage: Stage) -> None:
    made = stage.one.write(OURS, None)
    renewed = stage.one.write(OURS, made)
    with pytest.raises(Rejected, match="modified"):
        stage.other.write(THEIRS, made)
    assert stage.other.read() == renewed


def test_what_was_deleted_since_isnt_renewed_nor_what_was_made_anew(stage: Stage) -> None:
    made = stage.one.write(OURS, None)
    stage.delete()
    with pytest.raises(Rejected, match="UID"):
        stage.one.write(OURS, made)
    anew = stage.other.write(THEIRS, None)
    with pytest.raises(Rejected):
        stage.one.write(OURS, made)
    assert stage.one.read() == anew


@pytest.mark.parametrize("took_effect", [True, False], ids=["written", "not written"])
def test_a_lost_answer_says_nothing_of_what_was_written(tmp_path: Path, took_effect: bool) -> None:
    world = SimWorld(SimConfig(lenders=1))
    with serve(world) as served:
        (tmp_path / "kubeconfig").write_text(served.kubeconfig, encoding="utf-8")
        with closing(connect(kubeconfig=tmp_path / "kubeconfig", in_cluster=False)) as api:
            lease = _stage(api, api).one
            world.faults.fail_next("kube.lease", Unavailable("lost"), took_effect=took_effect)
            with pytest.raises(PortError):
                lease.write(OURS, None)
            assert (lease.read() is not None) is took_effect
