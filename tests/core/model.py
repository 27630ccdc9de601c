"""A tiny pure world: what a plan's steps change in it, and what the passing of time changes.

It is the tests' own idea of the two systems, as small as it can be: pods run and register, die within their grace,
containers end only when they are preempted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge.core.actions import (
    AddLabel,
    CreatePod,
    Decommission,
    DeletePod,
    MapLabel,
    Plan,
    Readmit,
    ResizeNode,
    ResizePod,
    StampPod,
    Step,
    UnmapLabel,
)
from bridge.core.check import check
from bridge.core.decide import Decision, decide
from bridge.core.plan import plan
from bridge.core.resources import NOTHING, Resources
from bridge.core.snapshot import (
    ElasticPod,
    KubeFacts,
    PodPhase,
    Promise,
    Snapshot,
    YarnFacts,
    YarnNode,
    YarnNodeState,
)
from tests.build import LABEL, PORT, ip_of, with_gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The whole truth: a snapshot without gaps, and when the containers of forced nodes will have ended."""

    truth: Snapshot
    ends_at: Mapping[str, datetime] = field(default_factory=dict)
    rounds: int = 0

    @property
    def kube(self) -> KubeFacts:
        """Kubernetes as it is."""
        assert isinstance(self.truth.kube, KubeFacts)
        return self.truth.kube

    @property
    def yarn(self) -> YarnFacts:
        """YARN as it is."""
        assert isinstance(self.truth.yarn, YarnFacts)
        return self.truth.yarn

    @property
    def promises(self) -> tuple[Promise, ...]:
        """The journal as it is."""
        assert isinstance(self.truth.promises, tuple)
        return self.truth.promises


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of planning: what was decided, and the plan after its last check."""

    decision: Decision
    plan: Plan


def think(world: Snapshot) -> Round:
    """Decide, plan and check."""
    decision = decide(world)
    return Round(decision=decision, plan=check(plan(world, decision), world))


def turn(model: Model, *, gaps: tuple[str, ...] = (), is_instant: bool = False) -> tuple[Model, Round]:
    """Plan with *gaps* in the view, and do what was planned."""
    view = model.truth
    for part in gaps:
        view = with_gap(view, part)
    done = think(view)
    return applied(model, done, gaps=gaps, is_instant=is_instant), done


def applied(model: Model, done: Round, *, gaps: tuple[str, ...] = (), is_instant: bool = False) -> Model:
    """Do the steps of a plan. What can't be read can't be written either, but pods can always be deleted."""
    for step in done.plan.steps:
        if "promises" not in gaps:
            model = written(model, step.promise)
        is_over = not (isinstance(step.act, DeletePod) and meant(model, step.act))
        model = _done(model, step, gaps, is_instant=is_instant)
        if "promises" not in gaps and is_over:
            model = written(model, step.done)
    model = settled(model)
    rounds = model.rounds + 1
    ids = tuple(f"r{rounds}n{number}" for number in range(model.truth.policy.grow_per_tick))
    memory = model.truth.memory if "promises" in gaps else done.decision.memory
    kept = tuple(promise for promise in model.promises if not promise.is_over)
    return replace(model, truth=replace(model.truth, memory=memory, promises=kept, fresh_ids=ids), rounds=rounds)


def _done(model: Model, step: Step, gaps: tuple[str, ...], *, is_instant: bool) -> Model:
    match step.act:
        case CreatePod() as act if step.promise is not None:
            return created(model, act, step.promise)
        case DeletePod() as act:
            return deleted(model, act, is_instant=is_instant)
        case ResizeNode() as act if "yarn" not in gaps:
            return resized(model, act)
        case ResizePod() as act:
            return resized_pod(model, act)
        case StampPod() as act:
            return stamped(model, act)
        case Decommission() as act if "yarn" not in gaps:
            return running_out(model, act)
        case Readmit() as act if "yarn" not in gaps:
            return readmitted(model, act)
        case AddLabel(label=label):
            return with_label(model, label)
        case MapLabel(host=host, label=label):
            return labelled(model, host, label)
        case UnmapLabel(host=host):
            return unlabelled(model, host)
        case _:
            return model


def elapsed(model: Model, length: timedelta) -> Model:
    """Let time pass: pods that were told to end are gone, preempted containers have ended, new pods register."""
    at = model.truth.at + length
    grace = model.truth.policy.grace
    pods = tuple(pod for pod in model.kube.pods if pod.deleting_since is None or pod.deleting_since + grace > at)
    ended = {node_id for node_id, when in model.ends_at.items() if when <= at}
    nodes = tuple(_preempted(node) if node.node_id in ended else node for node in model.yarn.nodes)
    model = replace(
        model,
        truth=replace(model.truth, at=at, kube=replace(model.kube, pods=pods)),
        ends_at={node_id: when for node_id, when in model.ends_at.items() if node_id not in ended},
    )
    return settled(_with_yarn(model, replace(model.yarn, nodes=nodes)))


def _preempted(node: YarnNode) -> YarnNode:
    """End the containers that don't fit any more."""
    size = Resources(vcores=node.used.vcores // max(1, node.containers), memory_mib=1024)
    kept = min(node.containers, size.times_in(node.total))
    return replace(node, used=size * kept, containers=kept)


def restarted(model: Model) -> Model:
    """Restart the ResourceManager: timers are forgotten, a node at nothing is shut down with its containers."""
    nodes = tuple(node for node in model.yarn.nodes if not node.total.is_empty)
    model = replace(model, ends_at={})
    return _with_yarn(model, replace(model.yarn, nodes=nodes, started_at=model.truth.at))


def settled(model: Model) -> Model:
    """Let pods that run register, and the nodes of pods that are gone disappear."""
    by_ip = {pod.ip: pod for pod in model.kube.pods if pod.ip is not None}
    nodes = tuple(node for node in model.yarn.nodes if node.host in by_ip)
    hosts = {node.host for node in nodes}
    shut = tuple(
        _registered(model, pod)
        for ip, pod in by_ip.items()
        if ip not in hosts and pod.phase is PodPhase.RUNNING and pod.deleting_since is None and _is_new(model, pod)
    )
    return _with_yarn(model, replace(model.yarn, nodes=(*nodes, *shut)))


def _is_new(model: Model, pod: ElasticPod) -> bool:
    """A NodeManager that was told to shut down doesn't come back by itself."""
    recorded = next((promise for promise in model.promises if promise.id == pod.promise_id), None)
    return recorded is not None and not recorded.served


def _registered(model: Model, pod: ElasticPod) -> YarnNode:
    return YarnNode(
        node_id=f"{pod.ip}:{PORT}",
        state=YarnNodeState.RUNNING,
        total=pod.shape,
        used=NOTHING,
        containers=0,
        label=LABEL,
        health_at=model.truth.at,
    )


def written(model: Model, promise: Promise | None) -> Model:
    """Write a promise into the journal."""
    if promise is None:
        return model
    by_id = {entry.id: entry for entry in model.promises} | {promise.id: promise}
    return replace(model, truth=replace(model.truth, promises=tuple(by_id.values())))


def created(model: Model, act: CreatePod, promise: Promise) -> Model:
    """Make a pod, running; one that is there already is the same one."""
    if any(pod.promise_id == act.promise_id for pod in model.kube.pods):
        return model
    pod = ElasticPod(
        name=f"night-{act.promise_id}",
        uid=f"uid-{act.promise_id}",
        promise_id=act.promise_id,
        lender=act.lender,
        requests=act.requests,
        shape=act.shape,
        phase=PodPhase.RUNNING,
        deadline=promise.deadline,
        created_at=model.truth.at,
        node=act.lender,
        ip=ip_of(act.promise_id),
    )
    kube = replace(model.kube, pods=(*model.kube.pods, pod))
    return replace(model, truth=replace(model.truth, kube=kube))


def meant(model: Model, act: DeletePod) -> set[str]:
    """Name the pods that a deletion means."""
    return {pod.uid for pod in model.kube.pods if pod.promise_id == act.promise_id and act.uid in (None, pod.uid)}


def deleted(model: Model, act: DeletePod, *, is_instant: bool = False) -> Model:
    """Tell a pod to end; at once, if it *is_instant*."""
    at = model.truth.at
    uids = meant(model, act)
    pods = tuple(
        replace(pod, deleting_since=pod.deleting_since or at) if pod.uid in uids else pod
        for pod in model.kube.pods
        if pod.uid not in uids or not is_instant
    )
    return replace(model, truth=replace(model.truth, kube=replace(model.kube, pods=pods)))


def resized_pod(model: Model, act: ResizePod) -> Model:
    """Give a pod another size at once."""
    there = tuple(
        replace(pod, requests=act.requests, requested=act.requests, allocated=act.requests)
        if pod.uid == act.uid
        else pod
        for pod in model.kube.pods
    )
    return replace(model, truth=replace(model.truth, kube=replace(model.kube, pods=there)))


def stamped(model: Model, act: StampPod) -> Model:
    """Write on a pod what its work is worth."""
    there = tuple(replace(pod, worth=act.worth) if pod.uid == act.uid else pod for pod in model.kube.pods)
    return replace(model, truth=replace(model.truth, kube=replace(model.kube, pods=there)))


def resized(model: Model, act: ResizeNode) -> Model:
    """The ResourceManager ignores the amount that a node has already, timeout included."""
    before = next((node for node in model.yarn.nodes if node.node_id == act.node_id), None)
    if before is None or before.total == act.total:
        return model
    nodes = tuple(replace(node, total=act.total) if node.node_id == act.node_id else node for node in model.yarn.nodes)
    if act.overcommit_timeout is not None and not before.used.fits_in(act.total):
        ends = model.truth.at + act.overcommit_timeout + model.truth.policy.kill_time
        model = replace(model, ends_at={act.node_id: ends, **model.ends_at})
    return _with_yarn(model, replace(model.yarn, nodes=nodes))


def running_out(model: Model, act: Decommission) -> Model:
    """Put hosts into the exclude file: their nodes take nothing new."""
    hosts = dict(act.timeout_s_by_host)
    nodes = tuple(
        replace(node, state=YarnNodeState.DECOMMISSIONING, total=node.used)
        if node.host in hosts and node.state is YarnNodeState.RUNNING
        else node
        for node in model.yarn.nodes
    )
    return _with_yarn(model, replace(model.yarn, nodes=nodes, excluded={**model.yarn.excluded, **hosts}))


def readmitted(model: Model, act: Readmit) -> Model:
    """Take hosts out of the exclude file."""
    excluded = {host: timeout_s for host, timeout_s in model.yarn.excluded.items() if host not in act.hosts}
    return _with_yarn(model, replace(model.yarn, excluded=excluded))


def with_label(model: Model, label: str) -> Model:
    """Make a label known."""
    return _with_yarn(model, replace(model.yarn, labels=model.yarn.labels | {label}))


def labelled(model: Model, host: str, label: str) -> Model:
    """Map an address to a label."""
    return _with_yarn(model, replace(model.yarn, label_by_host={**model.yarn.label_by_host, host: label}))


def unlabelled(model: Model, host: str) -> Model:
    """Clear an address."""
    mapped = {key: value for key, value in model.yarn.label_by_host.items() if key != host}
    return _with_yarn(model, replace(model.yarn, label_by_host=mapped))


def _with_yarn(model: Model, yarn: YarnFacts) -> Model:
    return replace(model, truth=replace(model.truth, yarn=yarn))
