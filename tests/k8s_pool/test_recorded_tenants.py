"""What a Kubernetes 1.34 API server said of a namespace whose quota is too small, and of evictions.

A Deployment of three pods, a StatefulSet of two and a Job of two at a time share a quota for two pods;
managedFields are taken out.
"""

from pathlib import Path

import orjson
import pytest

from k8s_pool import Conflict, EvictionBlocked, KubeAmount, KubeQuotas, evict, read_held_back
from k8s_pool.quotas import parse_quota
from tests.k8s_pool.stubs import StubReply, StubTransport

REPLIES = Path("tests/k8s_pool/replies")
EACH = KubeAmount(cpu_millicores=10, memory_mib=8)


def recorded(name: str) -> StubReply:
    kept = orjson.loads((REPLIES / f"{name}-1.34.json").read_bytes())
    return StubReply(status=kept["status"], body=orjson.dumps(kept["json"]))


def test_a_real_quota_is_read() -> None:
    (quota,) = KubeQuotas(StubTransport([recorded("resourcequotas")])).list("ads")
    assert (quota.is_ours, quota.is_in_force, quota.is_scoped) == (True, True, False)
    assert dict(quota.hard) == {"requests.cpu": 25, "requests.memory": 64}
    assert dict(quota.used) == {"requests.cpu": 20, "requests.memory": 16}


def test_what_a_real_quota_held_back_is_read() -> None:
    transport = StubTransport([recorded(name) for name in ("replicasets", "statefulsets", "jobs")])
    found = read_held_back(transport, ("ads",))
    assert {(each.kind, each.pods) for each in found} == {("ReplicaSet", 2), ("StatefulSet", 2), ("Job", 1)}
    assert {each.each for each in found} == {EACH}
    (reason,) = (each.reason for each in found if each.kind == "ReplicaSet")
    assert "exceeded quota: tidebridge, requested: requests.cpu=10m, used: requests.cpu=20m" in reason


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("eviction-blocked", "The disruption budget first needs 2 healthy pods and has 1 currently"),
        ("eviction-two-budgets", "more than one PodDisruptionBudget"),
    ],
)
def test_real_budgets_block(name: str, message: str) -> None:
    blocked = evict(StubTransport([recorded(name)]), "ads", "web", uid="u")
    assert isinstance(blocked, EvictionBlocked)
    assert message in blocked.message


def test_a_real_pod_of_another_uid_is_gone() -> None:
    assert evict(StubTransport([recorded("eviction-other-uid")]), "ads", "web", uid="u") is None


def test_a_real_change_in_between_is_a_conflict() -> None:
    (raw,) = orjson.loads((REPLIES / "resourcequotas-1.34.json").read_bytes())["json"]["items"]
    quotas = KubeQuotas(StubTransport([recorded("quota-conflict")]))
    with pytest.raises(Conflict, match="has been modified"):
        quotas.write("ads", EACH, over=parse_quota(raw))
