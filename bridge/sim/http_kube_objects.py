"""Kubernetes' objects as JSON: a posted pod becomes an order, and nodes and pods become what the API server shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bridge.core.resources import NO_ROOM, Resources, Room
from bridge.core.snapshot import PodPhase, Resizing
from bridge.sim.clock import SimClock
from bridge.sim.errors import ApiRefusal
from bridge.sim.pods import KubeNode, Pod, PodOrder, PodSize
from bridge.sim.times import write_time
from k8s_pool.quantity import QuantityError, cpu_millicores_up, mib_up

PRIORITY_BY_CLASS = {"": 0, "tidebridge-elastic": -100}
NODEMANAGER = "nodemanager"
_NEVER_PREEMPT = frozenset({"tidebridge-elastic"})
_PENDING = {Resizing.DEFERRED: "Deferred", Resizing.INFEASIBLE: "Infeasible"}

Document = dict[str, Any]


def read_order(body: Mapping[str, Any], namespace: str) -> PodOrder:
    """Read a posted pod; refuse what an API server would refuse."""
    meta, spec = body.get("metadata") or {}, body.get("spec") or {}
    name, containers = meta.get("name"), spec.get("containers") or ()
    if not name or not containers:
        text = "metadata.name and spec.containers are required"
        raise ApiRefusal(422, "Invalid", f'Pod "{name or ""}" is invalid: {text}')
    class_name = spec.get("priorityClassName") or ""
    if class_name not in PRIORITY_BY_CLASS:
        text = f'pods "{name}" is forbidden: no PriorityClass with name {class_name} was found'
        raise ApiRefusal(403, "Forbidden", text)
    size = _size(containers)
    env = {entry["name"]: entry.get("value", "") for one in containers for entry in one.get("env") or ()}
    return PodOrder(
        name=name,
        namespace=namespace,
        requests=size.requests,
        takes=size.takes,
        resources=size.resources,
        labels=meta.get("labels") or {},
        annotations=meta.get("annotations") or {},
        priority=PRIORITY_BY_CLASS[class_name],
        pinned_to=_pinned_to(spec),
        selector=spec.get("nodeSelector") or {},
        may_preempt=class_name not in _NEVER_PREEMPT,
        grace_s=spec.get("terminationGracePeriodSeconds", 30),
        lives_at_most_s=spec.get("activeDeadlineSeconds"),
        nodemanager=_nodemanager(env),
        yarn_label=env.get("TIDEBRIDGE_NODE_LABEL") or None,
        body=body,
    )


def read_size(pod: Pod, body: Mapping[str, Any]) -> PodSize:
    """Read the NodeManager's new resources from a patch of pods/resize; refuse what an API server would refuse."""
    uid = (body.get("metadata") or {}).get("uid", pod.uid)
    if uid != pod.uid:
        name = pod.order.name
        raise ApiRefusal(422, "Invalid", f'Pod "{name}" is invalid: metadata.uid: Invalid value: field is immutable')
    patches = {one["name"]: one.get("resources") or {} for one in body["spec"]["containers"]}
    if patches.keys() != {NODEMANAGER}:
        raise ApiRefusal(422, "Invalid", "this world resizes the NodeManager's container only")
    before, patch = _resources(pod.asked), patches[NODEMANAGER]
    resources = {part: {**(before.get(part) or {}), **(patch.get(part) or {})} for part in ("requests", "limits")}
    containers = (pod.order.body or {}).get("spec", _spec(pod.order))["containers"]
    return _size([{**one, "resources": resources} if one["name"] == NODEMANAGER else one for one in containers])


def _size(containers: Any) -> PodSize:
    """Sum what containers request, and what the pod takes when the NodeManager's limits count as its requests."""
    requests, takes, of_nodemanager = NO_ROOM, NO_ROOM, None
    for container in containers:
        resources = container.get("resources") or {}
        asked = _room(resources.get("requests") or {})
        requests += asked
        if container["name"] == NODEMANAGER:
            of_nodemanager = resources
            asked = asked.largest(_room(resources.get("limits") or {}))
        takes += asked
    return PodSize(requests=requests, takes=takes, resources=of_nodemanager)


def _room(amounts: Mapping[str, Any]) -> Room:
    try:
        return Room(
            cpu_millicores=cpu_millicores_up(str(amounts.get("cpu", "0"))),
            memory_mib=mib_up(str(amounts.get("memory", "0"))),
        )
    except QuantityError as error:
        raise ApiRefusal(400, "BadRequest", str(error)) from error


def _pinned_to(spec: Mapping[str, Any]) -> str | None:
    """Read the one node that a required node affinity names."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for rule in [*(term.get("matchFields") or ()), *(term.get("matchExpressions") or ())]:
            if rule["key"] in {"metadata.name", "kubernetes.io/hostname"} and rule["operator"] == "In":
                return str(rule["values"][0])
    return None


def _nodemanager(env: Mapping[str, str]) -> Resources | None:
    if "NM_VCORES" not in env or "NM_MEMORY_MIB" not in env:
        return None
    return Resources(vcores=int(env["NM_VCORES"]), memory_mib=int(env["NM_MEMORY_MIB"]))


def node_json(node: KubeNode, clock: SimClock) -> bytes:
    """Serialise a node, once for each of its versions."""
    if node.json is None:
        node.json = orjson.dumps(_node(node, clock))
    return node.json


def pod_json(pod: Pod, clock: SimClock) -> bytes:
    """Serialise a pod, once for each of its versions."""
    if pod.json is None:
        pod.json = orjson.dumps(_pod(pod, clock))
    return pod.json


def _node(node: KubeNode, clock: SimClock) -> Document:
    spec: Document = {"podCIDR": "10.244.0.0/24"}
    taints = [{"key": key, "value": value, "effect": effect} for key, value, effect in node.taints]
    if node.is_cordoned:
        spec["unschedulable"] = True
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    if taints:
        spec["taints"] = taints
    amounts = {
        "cpu": f"{node.allocatable.cpu_millicores}m",
        "memory": f"{node.allocatable.memory_mib * 1024}Ki",
        "pods": str(node.slots),
    }
    conditions = [
        *({"type": kind, "status": "True"} for kind in sorted(node.pressures)),
        {"type": "Ready", "status": "True" if node.is_ready else "Unknown"},
    ]
    return {
        "metadata": {
            "name": node.name,
            "uid": node.uid,
            "resourceVersion": str(node.version),
            "creationTimestamp": write_time(clock.at(0)),
            "labels": node.labels,
        },
        "spec": spec,
        "status": {"capacity": amounts, "allocatable": amounts, "conditions": conditions},
    }


def _pod(pod: Pod, clock: SimClock) -> Document:
    order = pod.order
    posted = order.body or {}
    meta: Document = {
        **(posted.get("metadata") or {}),
        "name": order.name,
        "namespace": order.namespace,
        "uid": pod.uid,
        "resourceVersion": str(pod.version),
        "creationTimestamp": write_time(clock.at(pod.created)),
        "labels": order.labels,
        "annotations": order.annotations,
    }
    if order.workload is not None:
        meta["ownerReferences"] = [_owner(order)]
    if pod.deleting is not None:
        meta["deletionTimestamp"] = write_time(clock.at(pod.deleting + pod.grace_s))
        meta["deletionGracePeriodSeconds"] = pod.grace_s
    spec: Document = dict(posted.get("spec") or _spec(order))
    spec["priority"] = order.priority
    if order.nodemanager is not None:
        resources = _resources(pod.asked)
        spec["containers"] = [
            {**one, "resources": resources} if one["name"] == NODEMANAGER else one for one in spec["containers"]
        ]
    if pod.node is not None:
        spec["nodeName"] = pod.node.name
    return {"metadata": meta, "spec": spec, "status": _status(pod, spec, clock)}


def workload_uid(namespace: str, name: str) -> str:
    """Return the uid of a tenant's workload."""
    return f"workload-{namespace}-{name}"


def _owner(order: PodOrder) -> Document:
    version, kind = ("apps/v1", "ReplicaSet") if order.runs_s is None else ("batch/v1", "Job")
    name = order.workload or ""
    uid = workload_uid(order.namespace, name)
    return {"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True}


def requests_document(requests: Room) -> Document:
    """Write a container's requests; what isn't asked for isn't named."""
    amounts = (("cpu", requests.cpu_millicores, "m"), ("memory", requests.memory_mib, "Mi"))
    return {name: f"{amount}{unit}" for name, amount, unit in amounts if amount}


def _resources(size: PodSize) -> Mapping[str, Any]:
    """Write the NodeManager's resources: as they were sent, or by the amounts where it was made without the API."""
    if size.resources is not None:
        return size.resources
    requests = {"requests": requests_document(size.requests)}
    return requests if size.takes == size.requests else {**requests, "limits": requests_document(size.takes)}


def _spec(order: PodOrder) -> Document:
    container: Document = {
        "name": "main" if order.nodemanager is None else NODEMANAGER,
        "image": "registry.example/main:1",
        "resources": {"requests": requests_document(order.requests)},
    }
    spec: Document = {
        "containers": [container],
        "restartPolicy": "Always" if order.nodemanager is None and order.runs_s is None else "Never",
        "terminationGracePeriodSeconds": order.grace_s,
    }
    if order.nodemanager is not None:
        offered = order.nodemanager
        env = {
            "NM_MEMORY_MIB": str(offered.memory_mib),
            "NM_VCORES": str(offered.vcores),
            "TIDEBRIDGE_NODE_LABEL": order.yarn_label or "",
        }
        container["env"] = [{"name": name, "value": value} for name, value in env.items()]
    if order.lives_at_most_s is not None:
        spec["activeDeadlineSeconds"] = order.lives_at_most_s
    if order.pinned_to is not None:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [order.pinned_to]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        spec["affinity"] = {"nodeAffinity": required}
    return spec


def _status(pod: Pod, spec: Mapping[str, Any], clock: SimClock) -> Document:
    is_running = pod.phase is PodPhase.RUNNING
    if pod.node is None and pod.waiting is None:
        return {"phase": pod.phase.value}
    placed: Document = {"type": "PodScheduled", "status": "True"}
    if pod.node is None:
        placed = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": pod.message}
    conditions = [placed, {"type": "Ready", "status": "True" if is_running else "False"}]
    if pod.disruption is not None:
        conditions.append({"type": "DisruptionTarget", "status": "True", "reason": pod.disruption})
    if pod.resizing in _PENDING:
        conditions.append({"type": "PodResizePending", "status": "True", "reason": _PENDING[pod.resizing]})
    status: Document = {"phase": pod.phase.value, "conditions": conditions}
    if pod.node is None:
        return status
    images = {container["name"]: container.get("image", "") for container in spec["containers"]}
    rest = {"imageID": "", "ready": is_running, "restartCount": 0, "state": _state(pod, clock)}
    in_force = {} if pod.started is None or pod.order.nodemanager is None else {"resources": _resources(pod.in_force)}
    status["containerStatuses"] = [
        {"name": name, "image": image, **rest, **(in_force if name == NODEMANAGER else {})}
        for name, image in images.items()
    ]
    if pod.started is not None:
        status["startTime"] = write_time(clock.at(pod.started))
    if pod.ip is not None:
        status |= {"podIP": pod.ip, "podIPs": [{"ip": pod.ip}]}
    if pod.ended == "DeadlineExceeded":
        status["reason"] = pod.ended
        status["message"] = "Pod was active on the node longer than the specified deadline"
    return status


def _state(pod: Pod, clock: SimClock) -> Document:
    if pod.phase is PodPhase.PENDING:
        return {"waiting": {"reason": pod.waiting or "ContainerCreating"}}
    if pod.phase.is_over:
        exit_code = 0 if pod.phase is PodPhase.SUCCEEDED else 1
        return {"terminated": {"exitCode": exit_code, "reason": pod.ended or "Error"}}
    return {"running": {"startedAt": write_time(clock.at(pod.started or 0))}}
