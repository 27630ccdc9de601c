"""What the lenders can give to both systems: before elastic pods and tenants' pods are counted."""

from __future__ import annotations

from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import KubeFacts, Lender, PoolPolicy
from bridge.core.tenants.divide import added
from bridge.core.tenants.facts import LendableFacts
from bridge.core.window import Allowance


def lendable(kube: KubeFacts, policy: PoolPolicy, allowed: Allowance) -> LendableFacts:
    """Sum allocatable less margin and online pods over the lenders that don't refuse; rounded down, per lender.

    The window bounds elastic pods alone: a tenant's namespace is Kubernetes' own, and no window opens or closes it.
    A pool that lends beside others keeps off what their elastic pods hold.
    """
    lending = [lender for lender in kube.lenders if lender.refusal is None]
    room = added(_room(lender, policy) for lender in lending) - policy.keep_free
    whole = added(lender.allocatable for lender in lending)
    return LendableFacts(
        room=room.at_least_zero(),
        window=whole.share(allowed.max_ratio) if allowed.is_open else NO_ROOM,
        elastic=added(pod.requests for pod in kube.pods if not pod.phase.is_over),
    )


def _room(lender: Lender, policy: PoolPolicy) -> Room:
    online = lender.online - lender.tenants
    return (lender.allocatable.share(1 - policy.margin_ratio) - online - lender.elsewhere).at_least_zero()
