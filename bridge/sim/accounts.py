"""The truth about a simulated run, counted where things happen; reports are made from it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class NamespaceAccount:
    """What the workloads of one namespace had, and waited for."""

    used_core_s: float = 0.0
    """Requests of their pods, from their place on a node until they are off it."""
    waited_core_s: float = 0.0
    """Requests of their pods, for as long as no node had taken them."""
    held_back_core_s: float = 0.0
    """Requests of the pods that were wanted and that a quota refused."""
    pods_finished: int = 0
    pods_evicted: int = 0
    pods_preempted: int = 0
    """By Kubernetes' own scheduler, to place a pod of a higher priority."""


@dataclass(slots=True, kw_only=True)
class Accounts:
    """Totals since the start of the world. A core is a vcore on YARN's side, 1000 millicores on the other."""

    lent_core_s: int = 0
    """Vcores of NodeManager pods, from their place on a lender until they are off it."""
    useful_lent_core_s: int = 0
    """Of tasks that finished on elastic nodes."""
    useful_static_core_s: int = 0
    lost_lent_core_s: int = 0
    """Of attempts on elastic nodes that were preempted, aborted or killed."""
    lost_static_core_s: int = 0
    online_short_core_s: float = 0.0
    """Requests of online pods, for as long as no node had taken them."""
    jobs_submitted: int = 0
    jobs_finished: int = 0
    turnaround_s: int = 0
    """Sum over finished jobs, from submission to end."""
    slowdown_sum: float = 0.0
    """Sum over finished jobs of turnaround over the time the job needs when nothing holds it up."""
    ams_killed: int = 0
    ams_killed_on_lent: int = 0
    preempted_containers: int = 0
    """By the ResourceManager, AMs included."""
    aborted_containers: int = 0
    """Lost with their node."""
    killed_containers: int = 0
    """Ended because their AM was lost."""
    elastic_pods_preempted: int = 0
    """By Kubernetes' own scheduler, to place an online pod."""
    elastic_pods_expired: int = 0
    """Ended by the kubelet at activeDeadlineSeconds."""
    used_core_s_by_queue: dict[str, int] = field(default_factory=dict)
    """By path; filled in by ``SimWorld.totals``."""
    namespaces: dict[str, NamespaceAccount] = field(default_factory=dict)
    """Of tenants: those with workloads."""

    def namespace(self, name: str) -> NamespaceAccount:
        """Return a namespace's account."""
        return self.namespaces.setdefault(name, NamespaceAccount())
