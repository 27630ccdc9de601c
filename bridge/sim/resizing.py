"""What a kubelet makes of a resize in place: the rule by which it takes one, puts it off, or refuses it for good.

Source: k8s.io/kubernetes, pkg/kubelet/allocation: a size beyond the node is infeasible, one beyond its room deferred.
"""

from __future__ import annotations

from bridge.core.resources import NO_ROOM
from bridge.core.snapshot import Resizing
from bridge.sim.pods import KubeNode, Pod


def verdict(pod: Pod, node: KubeNode) -> Resizing:
    """Say what becomes of the size that *pod* was last asked to have; NONE: it comes into force."""
    if pod.asked == pod.in_force:
        return Resizing.NONE
    if not pod.asked.requests.fits_in(node.allocatable):
        return Resizing.INFEASIBLE
    others = sum((other.in_force.requests for other in node.pods.values() if other is not pod), NO_ROOM)
    return Resizing.NONE if (others + pod.asked.requests).fits_in(node.allocatable) else Resizing.DEFERRED


def deferred_on(node: KubeNode) -> list[Pod]:
    """Return the pods whose resize waits for room, oldest first."""
    return [pod for pod in node.pods.values() if pod.resizing is Resizing.DEFERRED]
