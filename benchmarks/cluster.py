"""A large simulated world for reading: nodes, pods of ordinary length, a static half and an elastic half of YARN, work.

The pods' objects have what an API server shows of a real pod (managed fields, volumes, probes, tolerations), so that
their length is that of real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from bridge.core.resources import Resources, Room
from bridge.sim import Job, SimConfig, SimWorld, Stage
from bridge.sim.pods import DEADLINE, LENDER, SHAPE, PodOrder, elastic_labels, elastic_name

POOL = "night"
LABEL = "k8s"
NAMESPACE = "tidebridge"
START = datetime(2026, 3, 2, 23, tzinfo=UTC)
DEADLINE_AT = datetime(2026, 3, 3, 6, tzinfo=UTC)

NODEMANAGER = Resources(vcores=4, memory_mib=8192)
NODEMANAGER_POD = Room(cpu_millicores=4250, memory_mib=9216)

_STATIC = Resources(vcores=8, memory_mib=32_768)
_REPLICAS = 50
_APPS = 100
_STAGES = 5
_WAITING = 20
"""Tasks that find no place, for each application and size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a world is. Pods and YARN nodes are counted with the elastic ones among them."""

    kube_nodes: int = 5_000
    pods: int = 50_000
    yarn_nodes: int = 5_000
    elastic: int = 2_500

    @property
    def online(self) -> int:
        """Pods that aren't elastic."""
        return self.pods - self.elastic


def make_world(size: Size) -> SimWorld:
    """Build the world, with every pod running, every NodeManager registered, and work waiting."""
    world = SimWorld(
        SimConfig(
            start=START,
            lenders=size.kube_nodes,
            lender_size=Room(cpu_millicores=31_500, memory_mib=126_976),
            pod_ips=size.elastic,
            static_nodes=size.yarn_nodes - size.elastic,
            static_size=_STATIC,
            lender_labels=_NODE_LABELS,
        )
    )
    world.yarn.add_label(LABEL, is_exclusive=False)
    for number in range(size.online):
        world.kube.create(online_pod(number, size))
    world.pass_time(5)
    for number in range(size.elastic):
        world.kube.create(_elastic_pod(number, size))
    world.pass_time(5)
    for pod in world.kube.elastic.values():
        world.yarn.map_label(pod.ip or "", LABEL)
    world.pass_time(60)
    for number in range(_APPS):
        world.submit(_job(number, size))
    world.pass_time(60)
    return world


def online_pod(number: int, size: Size) -> PodOrder:
    """Make an online pod: one of fifty replicas of a workload, bound to a node of its own."""
    workload = number // _REPLICAS % 1000
    app = f"shop-{workload:04}"
    labels = {"app": app, "pod-template-hash": "5d9c7b8f6d", "team": f"team-{workload % 40}"}
    namespace = f"online-{workload % 40}"
    requests = Room(cpu_millicores=250 * (1 + workload % 7), memory_mib=512 * (1 + workload % 5))
    name = f"{app}-5d9c7b8f6d-{number:06}"
    return PodOrder(
        name=name,
        namespace=namespace,
        requests=requests,
        labels=labels,
        pinned_to=f"lender-{number % size.kube_nodes + 1}",
        body=_body(app, requests),
    )


def _elastic_pod(number: int, size: Size) -> PodOrder:
    promise = promise_id(number)
    name, node = elastic_name(POOL, promise), f"lender-{number * 2 % size.kube_nodes + 1}"
    return PodOrder(
        name=name,
        namespace=NAMESPACE,
        requests=NODEMANAGER_POD,
        labels=elastic_labels(POOL, promise),
        annotations={
            DEADLINE: DEADLINE_AT.strftime("%Y-%m-%dT%H:%M:%SZ"),
            SHAPE: f"vcores={NODEMANAGER.vcores},memory_mib={NODEMANAGER.memory_mib}",
            LENDER: node,
        },
        priority=-100,
        pinned_to=node,
        may_preempt=False,
        grace_s=10,
        nodemanager=NODEMANAGER,
        yarn_label=LABEL,
        body=_body("nodemanager", NODEMANAGER_POD),
    )


def promise_id(number: int) -> str:
    """Name the promise of an elastic pod."""
    return f"p{number:011}"


def _job(number: int, size: Size) -> Job:
    """Make an application that fills its part of the cluster, for ever, and waits for more, in five sizes."""
    vcores = _STATIC.vcores * (size.yarn_nodes - size.elastic) + NODEMANAGER.vcores * size.elastic
    stages = tuple(
        Stage(
            tasks=vcores // _APPS // _STAGES + _WAITING,
            task_s=10**7,
            size=Resources(vcores=1, memory_mib=1024 + 128 * each),
        )
        for each in range(_STAGES)
    )
    return Job(id=f"job-{number:04}", stages=stages, in_order=False)


@cache
def _body(app: str, requests: Room) -> Mapping[str, Any]:
    """Write a pod as a Deployment's controller posts it; the replicas of a workload share it."""
    return {
        "metadata": {
            "generateName": f"{app}-5d9c7b8f6d-",
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"{app}-5d9c7b8f6d",
                    "uid": "6f1b2a36-7c3e-4d0a-9a51-0f6f1f0f6a11",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "managedFields": _MANAGED,
        },
        "spec": {
            "volumes": [_TOKEN_VOLUME, {"name": "config", "configMap": {"name": f"{app}-config", "defaultMode": 420}}],
            "containers": [_container(app, requests), _SIDECAR],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": app,
            "serviceAccount": app,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "schedulerName": "default-scheduler",
            "tolerations": _TOLERATIONS,
            "preemptionPolicy": "PreemptLowerPriority",
            "enableServiceLinks": True,
        },
    }


def _container(app: str, requests: Room) -> Mapping[str, Any]:
    amounts = {"cpu": f"{requests.cpu_millicores - 50}m", "memory": f"{requests.memory_mib - 64}Mi"}
    return {
        "name": "main",
        "image": f"registry.example.com/team/{app}:2026.03.01-7f3a9c1",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{number}", "value": f"value-of-setting-{number}"} for number in range(12)],
        "resources": {"requests": amounts, "limits": amounts},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/app", "readOnly": True},
            _TOKEN_MOUNT,
        ],
        "livenessProbe": _probe("/healthz"),
        "readinessProbe": _probe("/ready"),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _probe(path: str) -> Mapping[str, Any]:
    get = {"path": path, "port": "http", "scheme": "HTTP"}
    return {"httpGet": get, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def _managed(manager: str, fields: Mapping[str, Any], subresource: str = "") -> Mapping[str, Any]:
    entry = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-03-02T22:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return {**entry, "subresource": subresource} if subresource else entry


_NODE_LABELS = {
    "lend": "true",
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/os": "linux",
    "node.kubernetes.io/instance-type": "m5.8xlarge",
    "topology.kubernetes.io/region": "region-1",
    "topology.kubernetes.io/zone": "region-1a",
}
_TOKEN_VOLUME: Mapping[str, Any] = {
    "name": "kube-api-access-x7k2p",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ],
        "defaultMode": 420,
    },
}
_TOKEN_MOUNT: Mapping[str, Any] = {
    "name": "kube-api-access-x7k2p",
    "readOnly": True,
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
}
_SIDECAR: Mapping[str, Any] = {
    "name": "logs",
    "image": "registry.example.com/platform/log-shipper:4.1.2",
    "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
    "volumeMounts": [_TOKEN_MOUNT],
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
}
_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for what in ("not-ready", "unreachable")
]
_CONTAINER_FIELDS: Mapping[str, Any] = {
    f"f:{name}": {}
    for name in (
        "image", "imagePullPolicy", "name", "ports", "env", "resources", "terminationMessagePath",
        "terminationMessagePolicy", "volumeMounts", "livenessProbe", "readinessProbe",
    )
}  # fmt: skip
_MANAGED = [
    _managed(
        "kube-controller-manager",
        {
            "f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}}},
            "f:spec": {
                "f:containers": {
                    'k:{"name":"main"}': {".": {}, **_CONTAINER_FIELDS},
                    'k:{"name":"logs"}': {".": {}, **_CONTAINER_FIELDS},
                },
                **{f"f:{name}": {} for name in ("dnsPolicy", "enableServiceLinks", "restartPolicy", "schedulerName")},
            },
        },
    ),
    _managed(
        "kubelet",
        {"f:status": {f"f:{name}": {} for name in ("conditions", "containerStatuses", "hostIP", "phase", "podIP")}},
        "status",
    ),
]
