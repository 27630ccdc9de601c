"""The Kubernetes API on the simulated cluster: what a client of nodes, pods, events and access reviews needs."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.core.snapshot import CannotResize
from bridge.ports import Denied, NotUnderstood, PortError, Unavailable
from bridge.sim.errors import ApiRefusal
from bridge.sim.http_kube_leases import LeaseApi
from bridge.sim.http_kube_metrics import MetricsApi
from bridge.sim.http_kube_objects import pod_json, read_order, read_size
from bridge.sim.http_kube_tenants import TenantApi
from bridge.sim.http_watch import Chosen, Thing, Watches, refused
from bridge.sim.http_words import NOT_JSON, Answer, Question
from bridge.sim.pods import KubeNode, Pod
from bridge.sim.world import SimWorld

_VERSION = {"major": "1", "minor": "34", "gitVersion": "v1.34.0", "platform": "linux/amd64"}
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_PATH = re.compile(
    r"/api/v1/(?:namespaces/(?P<namespace>[^/]+)/)?(?P<kind>nodes|pods|events)(?:/(?P<name>[^/]+))?(?P<part>/resize)?"
)
_KINDS = {"nodes": "Node", "pods": "Pod"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names."""

    kind: str
    namespace: str
    name: str


class KubeApi:
    """Answers what an API server answers."""

    def __init__(self, world: SimWorld, lock: threading.Condition) -> None:
        self._world = world
        self._lock = lock
        self._watches = Watches(world, lock)
        self._tenants = TenantApi(world)
        self._metrics = MetricsApi(world)
        self._leases = LeaseApi(world)
        self._events: dict[tuple[str, str], dict[str, Any]] = {}
        self._acts: Mapping[tuple[str, str], tuple[str, Callable[[Target, Question], Answer]]] = {
            ("POST", "pods"): ("kube.create", self._create),
            ("PATCH", "pods/resize"): ("kube.resize", self._resize),
            ("PATCH", "pods"): ("kube.stamp", self._annotate),
            ("DELETE", "pods"): ("kube.delete", self._delete),
            ("POST", "events"): ("kube.tell", self._tell),
            ("PATCH", "events"): ("kube.tell", self._tell_again),
        }

    def stop(self) -> None:
        """End every watch."""
        self._watches.stop()

    def answer(self, question: Question) -> Answer | None:
        """Answer; None where there would be no answer at all."""
        with self._lock:
            try:
                return self._answer(question)
            except ApiRefusal as error:
                return refused(error)
            except Denied as error:
                return refused(ApiRefusal(403, "Forbidden", str(error)))
            except NotUnderstood:
                return NOT_JSON
            except Unavailable:
                return None
            except PortError as error:
                return refused(ApiRefusal(422, "Invalid", str(error)))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                return refused(ApiRefusal(400, "BadRequest", str(error)))

    def _answer(self, question: Question) -> Answer:
        if self._world.faults.is_down("kube"):
            raise Unavailable("the API server doesn't answer")
        if question.path == "/version":
            return Answer.of(_VERSION)
        if question.path == _REVIEWS:
            return self._review(question.json())
        if question.path == "/api/v1":
            return self._resources()
        if (answer := self._tenants.answer(question)) is not None:
            return answer
        if (answer := self._metrics.answer(question)) is not None:
            return answer
        if (answer := self._leases.answer(question)) is not None:
            return answer
        match = _PATH.fullmatch(question.path)
        if match is None:
            raise ApiRefusal(404, "NotFound", "the server could not find the requested resource")
        target = Target(match["kind"] + (match["part"] or ""), match["namespace"] or "", match["name"] or "")
        if question.method == "GET":
            with self._world.faults.around("kube.observe"):
                return self._read(target, question.query)
        if (question.method, target.kind) not in self._acts:
            raise ApiRefusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        call, act = self._acts[question.method, target.kind]
        with self._world.faults.around(call):
            return act(target, question)

    # --- What may be asked for

    def _resources(self) -> Answer:
        """List the resources there are, as far as somebody asks for them."""
        hindrance = self._world.kube.cannot_resize
        names = ["nodes", "pods", "events", *(("pods/resize",) if hindrance is not CannotResize.NOT_SERVED else ())]
        return Answer.of({"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": n} for n in names]})

    def _review(self, review: object) -> Answer:
        if not isinstance(review, dict):
            return Answer.of({}, 201)
        asked = review["spec"]["resourceAttributes"]
        if asked.get("subresource") == "resize":
            is_refused = self._world.kube.cannot_resize is CannotResize.NOT_PERMITTED
        else:
            is_refused = asked.get("verb") == "patch" and asked["resource"] == "pods" and not self._world.kube.may_stamp
        return Answer.of({**review, "status": {"allowed": not is_refused}}, 201)

    # --- Reading

    def _read(self, target: Target, query: Mapping[str, str]) -> Answer:
        if target.kind == "events":
            listed = [*self._events.values()]
            return Answer.of({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": listed})
        if target.name:
            return self._one(target)
        kind, chosen = _KINDS[target.kind], _chosen(target, query.get("labelSelector", ""))
        if query.get("watch") in ("true", "1"):
            return self._watches.watch(kind, query, chosen)
        return Answer(body=self._watches.page(kind, query, lambda: self._all(target.kind, chosen)))

    def _all(self, kind: str, chosen: Chosen) -> list[Thing]:
        kube = self._world.kube
        things: list[Thing] = [*(kube.nodes if kind == "nodes" else kube.pods).values()]
        return [thing for thing in things if chosen(thing)]

    def _one(self, target: Target) -> Answer:
        if target.kind == "pods":
            return self._shown(self._world.kube.pod(target.namespace, target.name))
        raise ApiRefusal(404, "NotFound", f'{target.kind} "{target.name}" not found')

    def _shown(self, pod: Pod, status: int = 200) -> Answer:
        return Answer(status=status, body=b'{"kind":"Pod","apiVersion":"v1",' + pod_json(pod, self._world.clock)[1:])

    # --- Changing

    def _create(self, target: Target, question: Question) -> Answer:
        body = question.json()
        if not isinstance(body, dict):
            raise ApiRefusal(400, "BadRequest", "a pod was expected")
        return self._shown(self._world.kube.create(read_order(body, target.namespace)), 201)

    def _resize(self, target: Target, question: Question) -> Answer:
        hindrance, body = self._world.kube.cannot_resize, question.json()
        if hindrance is CannotResize.NOT_SERVED:
            raise ApiRefusal(404, "NotFound", "the server could not find the requested resource")
        if hindrance is CannotResize.NOT_PERMITTED:
            user = (
                f'User "sim" cannot patch resource "pods/resize" in API group "" in the namespace "{target.namespace}"'
            )
            raise ApiRefusal(403, "Forbidden", f'pods "{target.name}" is forbidden: {user}')
        if not isinstance(body, dict):
            raise ApiRefusal(400, "BadRequest", "a patch of a pod was expected")
        size = read_size(self._world.kube.pod(target.namespace, target.name), body)
        return self._shown(self._world.kube.resize(target.namespace, target.name, size))

    def _annotate(self, target: Target, question: Question) -> Answer:
        body = question.json()
        if not isinstance(body, dict) or set(body) != {"metadata"} or set(body["metadata"]) - {"uid", "annotations"}:
            raise ApiRefusal(400, "BadRequest", "annotations were expected, and nothing else")
        meta = body["metadata"]
        kube = self._world.kube
        return self._shown(
            kube.annotate(target.namespace, target.name, meta.get("annotations") or {}, uid=meta.get("uid"))
        )

    def _delete(self, target: Target, question: Question) -> Answer:
        options = orjson.loads(question.body) if question.body else {}
        uid = (options.get("preconditions") or {}).get("uid")
        grace_s = options.get("gracePeriodSeconds")
        return self._shown(self._world.kube.delete(target.namespace, target.name, uid=uid, grace_s=grace_s))

    def _tell(self, target: Target, question: Question) -> Answer:
        event: Any = question.json()
        key = target.namespace, event["metadata"]["name"]
        if key in self._events:
            raise ApiRefusal(409, "AlreadyExists", f'events "{key[1]}" already exists')
        self._events[key] = event
        self._world.kube.events.append((self._world.timeline.now, event["reason"], event["message"]))
        return Answer.of(event, 201)

    def _tell_again(self, target: Target, question: Question) -> Answer:
        patch: Any = question.json()
        event = self._events.get((target.namespace, target.name))
        if event is None:
            raise ApiRefusal(404, "NotFound", f'events "{target.name}" not found')
        event.update(patch)
        return Answer.of(event)


def _chosen(target: Target, selector: str) -> Chosen:
    """Say which objects a path and a label selector (equalities only) mean."""
    kind = KubeNode if target.kind == "nodes" else Pod
    pairs = (pair.partition("=") for pair in selector.split(",") if pair)
    wanted = {key.strip(): text.lstrip("=").strip() for key, _, text in pairs}.items()

    def is_meant(thing: Thing) -> bool:
        if not isinstance(thing, kind):
            return False
        labels = thing.labels if isinstance(thing, KubeNode) else thing.order.labels
        is_there = isinstance(thing, KubeNode) or target.namespace in ("", thing.order.namespace)
        return is_there and wanted <= labels.items()

    return is_meant
