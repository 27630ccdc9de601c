"""What every world holds of the port ``Namespaces``."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.evictions import Eviction
from bridge.core.tenants.facts import NamespaceUse, TenantPod
from tests.contract.tenants.stage import CPU, MEMORY, Stage, look
from tests.contract.worlds import stays, wait_until

EACH = Room(cpu_millicores=20, memory_mib=16)
GIANT = Room(cpu_millicores=100_000, memory_mib=16)
"""No node could hold it."""


def running(stage: Stage, namespace: str, count: int) -> tuple[TenantPod, ...]:
    """Return the pods of a namespace once so many run, and a moment later, when their budgets know it too."""
    wait_until(stage.world, lambda: len(look(stage, namespace).pods) == count)
    stage.world.pass_time(3)
    return look(stage, namespace).pods


def evict(stage: Stage, pod: TenantPod) -> bool:
    return stage.namespaces.evict(Eviction(tenant="ads", pod=pod))


# --- Use and demand


def test_an_empty_one_uses_nothing(stage: Stage) -> None:
    namespace = stage.new_namespace()
    assert stage.namespaces.observe([namespace]) == (NamespaceUse(name=namespace),)


def test_pods_that_have_a_node_are_used_and_those_that_have_none_wait(stage: Stage) -> None:
    namespace = stage.new_namespace()
    stage.want_pods(namespace, "small", 2, EACH)
    stage.want_pods(namespace, "giant", 1, GIANT)
    wait_until(stage.world, lambda: look(stage, namespace).used == EACH * 2)
    found = stays(stage.world, lambda: replace(look(stage, namespace), pods=()))
    assert found == NamespaceUse(name=namespace, used=EACH * 2, waiting=GIANT)


def test_each_namespace_has_its_own(stage: Stage) -> None:
    one, other = stage.new_namespace(), stage.new_namespace()
    stage.want_pods(one, "small", 1, EACH)
    stage.want_pods(other, "small", 3, EACH)
    wait_until(
        stage.world, lambda: [found.used for found in stage.namespaces.observe([other, one])] == [EACH * 3, EACH]
    )


def test_pods_that_run_are_listed_with_what_decides_who_goes(stage: Stage) -> None:
    namespace = stage.new_namespace()
    stage.want_pods(namespace, "small", 2, EACH)
    pods = running(stage, namespace, 2)
    assert [pod.name for pod in pods] == sorted(pod.name for pod in pods)
    assert len({pod.uid for pod in pods}) == 2
    for pod in pods:
        assert (pod.namespace, pod.requests, pod.priority) == (namespace, EACH, 0)
        assert abs(pod.started_at - stage.world.clock.now()) < timedelta(minutes=1)


def test_pods_that_a_quota_refuses_are_held_back(stage: Stage) -> None:
    namespace = stage.new_namespace()
    stage.set_quota(namespace, "somebodys", {CPU: "50m", MEMORY: "1Gi"})
    stage.want_pods(namespace, "small", 5, EACH)
    wait_until(stage.world, lambda: look(stage, namespace).used == EACH * 2)
    found = stays(stage.world, lambda: replace(look(stage, namespace), pods=()))
    assert found == NamespaceUse(name=namespace, used=EACH * 2, held_back=EACH * 3)


def test_pods_that_name_no_request_for_cpu_or_memory_are_named(stage: Stage) -> None:
    namespace = stage.new_namespace()
    stage.want_pods(namespace, "bare", 1, NO_ROOM)
    stage.want_pods(namespace, "half", 1, replace(EACH, memory_mib=0))
    stage.want_pods(namespace, "whole", 1, EACH)
    wait_until(stage.world, lambda: len(look(stage, namespace).pods) == 3)
    bare, half = look(stage, namespace).without_requests
    assert (bare.startswith("bare-"), half.startswith("half-")) == (True, True)


# --- Evictions


def test_an_evicted_pod_goes_and_its_workload_makes_another(stage: Stage) -> None:
    namespace = stage.new_namespace()
    stage.want_pods(namespace, "small", 2, EACH)
    first, second = running(stage, namespace, 2)
    assert evict(stage, first)
    wait_until(stage.world, lambda: first.uid not in {pod.uid for pod in look(stage, namespace).pods})
    left = {pod.uid for pod in running(stage, namespace, 2)}
    assert second.uid in left
    assert first.uid not in left


def test_a_budget_keeps_a_pod_where_it_is(stage: Stage) -> None:
    namespace = stage.new_namespace()
    stage.want_pods(namespace, "kept", 1, EACH, keep=1)
    (pod,) = running(stage, namespace, 1)
    assert not evict(stage, pod)
    assert stays(stage.world, lambda: look(stage, namespace).pods) == (pod,)


def test_one_that_is_gone_is_evicted(stage: Stage) -> None:
    namespace = stage.new_namespace()
    stage.want_pods(namespace, "small", 1, EACH)
    (pod,) = running(stage, namespace, 1)
    assert evict(stage, replace(pod, name="nobody"))
    assert evict(stage, replace(pod, uid="00000000-0000-0000-0000-000000000000")), "another one has its name"
    assert stays(stage.world, lambda: look(stage, namespace).pods, for_s=1) == (pod,)
