"""The pod template a platform admin edits: read, checked, refused with a remedy, or handed on unchanged.

What Tidebridge decides per pod (name, node, size, deadline, priority) may not stand in the template; `render` adds it.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from k8s_pool.errors import TemplateError
from k8s_pool.identity import COMPONENT, MANAGED_BY, NODEMANAGER, PREFIX
from k8s_pool.lenders import Toleration
from k8s_pool.transport import JsonObject

GRACE_LIMIT_S = 15
"""A longer grace period would keep an online pod waiting for its room."""
DEFAULT_GRACE_S = 10
"""For a template that doesn't say; Kubernetes' own default of 30 is too long."""
OWN_ENV = ("NM_VCORES", "NM_MEMORY_MIB", "TIDEBRIDGE_NODE_LABEL")
"""Environment variables that Tidebridge sets in every NodeManager container."""

_CHOSEN = "Tidebridge chooses it for each pod; remove it"
_POOL_CHOOSES = "it follows from the pool's shape; remove it"
_SHARED_HOST = "a NodeManager needs an address of its own; remove it"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTemplate:
    """A checked template. `body` is a Pod as a JSON object; treat it as read-only, `render` copies it."""

    path: Path
    body: Mapping[str, Any] = field(hash=False)

    @property
    def tolerations(self) -> tuple[Toleration, ...]:
        """What the pods tolerate, for `lenders`."""
        return tuple(
            Toleration(
                key=raw.get("key") or "",
                operator=raw.get("operator") or "Equal",
                value=raw.get("value") or "",
                effect=raw.get("effect") or "",
            )
            for raw in self.body["spec"].get("tolerations") or ()
        )


def load(path: Path) -> PodTemplate:
    """Read and check the template at *path*. Raises TemplateError with the first thing that is wrong."""
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, error, "check the path and its permissions") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unreadable(path, error, "write one Pod as YAML") from error
    return check(body, path)


def check(body: object, path: Path) -> PodTemplate:
    """Return *body* as a template when it can serve. Raises TemplateError; *path* is for its message."""
    if not isinstance(body, dict):
        raise TemplateError(path=path, key="(document)", problem="isn't a mapping", remedy="write one Pod as YAML")
    for key, problem, remedy in _faults(body):
        raise TemplateError(path=path, key=key, problem=problem, remedy=remedy)
    return PodTemplate(path=path, body=deepcopy(body))


Fault = tuple[str, str, str]
"""Key, problem, remedy."""


def _faults(body: JsonObject) -> Iterable[Fault]:
    """Yield what is wrong, the most basic first; later checks rely on the earlier ones."""
    if body.get("kind") != "Pod" or body.get("apiVersion") != "v1":
        yield "kind", "isn't a Pod of apiVersion v1", "write `apiVersion: v1` and `kind: Pod`; a Deployment can't serve"
        return
    spec = body.get("spec")
    if not isinstance(spec, dict):
        yield "spec", "isn't a mapping", "describe the pod there"
        return
    if not isinstance(body.get("metadata") or {}, dict):
        yield "metadata", "isn't a mapping", "write labels and annotations there, or leave it out"
        return
    yield from _metadata_faults(body.get("metadata") or {})
    yield from _spec_faults(spec)
    yield from _container_faults(spec)


def _metadata_faults(metadata: JsonObject) -> Iterable[Fault]:
    for key in ("name", "generateName", "namespace", "uid", "ownerReferences", "finalizers"):
        if key in metadata:
            yield f"metadata.{key}", "is set", _CHOSEN
    for part in ("labels", "annotations"):
        for key in metadata.get(part) or {}:
            if key in (MANAGED_BY, COMPONENT) or key.startswith(PREFIX):
                yield f"metadata.{part}.{key}", "is reserved", _CHOSEN


def _spec_faults(spec: JsonObject) -> Iterable[Fault]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"spec.{key}", "is true", _SHARED_HOST
    if "nodeName" in spec:
        yield "spec.nodeName", "is set", "it bypasses the scheduler; remove it, lenders.node_selector names the nodes"
    if "nodeSelector" in spec or "nodeAffinity" in (spec.get("affinity") or {}):
        key = "spec.nodeSelector" if "nodeSelector" in spec else "spec.affinity.nodeAffinity"
        yield key, "is set", "remove it, the pool's lenders.node_selector names the nodes"
    for key in ("activeDeadlineSeconds", "priorityClassName", "priority", "preemptionPolicy", "resources"):
        if key in spec:
            yield f"spec.{key}", "is set", _CHOSEN
    if spec.get("restartPolicy") != "Never":
        yield (
            "spec.restartPolicy",
            f"is {spec.get('restartPolicy', 'absent, which means Always')}",
            "write `restartPolicy: Never`; a NodeManager that comes back by itself isn't the one that was promised",
        )
    grace_s = spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE_S)
    if not isinstance(grace_s, int) or not 1 <= grace_s <= GRACE_LIMIT_S:
        yield (
            "spec.terminationGracePeriodSeconds",
            f"is {grace_s}",
            f"write 1 to {GRACE_LIMIT_S}: enough to unregister, and no longer, since online pods wait for it",
        )


def _container_faults(spec: JsonObject) -> Iterable[Fault]:
    containers = spec.get("containers")
    named = [c for c in containers or () if isinstance(c, dict) and c.get("name") == NODEMANAGER]
    if not isinstance(containers, list) or len(named) != 1:
        yield "spec.containers", f"has no container `{NODEMANAGER}`", "name the container that runs the NodeManager so"
        return
    key, container = f"spec.containers[{NODEMANAGER}]", named[0]
    if not container.get("image"):
        yield f"{key}.image", "is missing", "name the image of your NodeManager"
    for part in ("requests", "limits"):
        for resource in ("cpu", "memory"):
            if resource in ((container.get("resources") or {}).get(part) or {}):
                yield f"{key}.resources.{part}.{resource}", "is set", _POOL_CHOOSES
    for entry in container.get("env") or ():
        if entry.get("name") in OWN_ENV:
            yield f"{key}.env.{entry['name']}", "is set", _POOL_CHOOSES


def _unreadable(path: Path, error: Exception, remedy: str) -> TemplateError:
    return TemplateError(path=path, key="(file)", problem=" ".join(str(error).split()), remedy=remedy)
