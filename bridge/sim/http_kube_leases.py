"""The Kubernetes API for Leases (coordination.k8s.io/v1): kept as they are written, and only over what was read."""

from __future__ import annotations

import itertools
import re
from typing import Any

from bridge.sim.errors import ApiRefusal
from bridge.sim.http_words import Answer, Question
from bridge.sim.times import write_time
from bridge.sim.world import SimWorld

_PATH = re.compile(r"/apis/coordination\.k8s\.io/v1/namespaces/(?P<namespace>[^/]+)/leases(?:/(?P<name>[^/]+))?")
Document = dict[str, Any]


class LeaseApi:
    """Answers what an API server answers about Leases."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._leases: dict[tuple[str, str], Document] = {}
        self._versions = itertools.count(1)

    def answer(self, question: Question) -> Answer | None:
        """Answer; None for another API's path."""
        match = _PATH.fullmatch(question.path)
        if match is None:
            return None
        key = (match["namespace"], match["name"] or "")
        with self._world.faults.around("kube.lease"):
            match question.method:
                case "GET":
                    return Answer.of(self._get(key))
                case "POST":
                    return Answer.of(self._create(match["namespace"], _body(question)), 201)
                case "PUT":
                    return Answer.of(self._replace(key, _body(question)))
                case "DELETE":
                    self._get(key)
                    return Answer.of(self._leases.pop(key))
        raise ApiRefusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    def _get(self, key: tuple[str, str]) -> Document:
        if key not in self._leases:
            raise ApiRefusal(404, "NotFound", f'leases.coordination.k8s.io "{key[1]}" not found')
        return self._leases[key]

    def _create(self, namespace: str, body: Document) -> Document:
        name = body["metadata"]["name"]
        if (namespace, name) in self._leases:
            raise ApiRefusal(409, "AlreadyExists", f'leases.coordination.k8s.io "{name}" already exists')
        return self._keep(namespace, name, body, write_time(self._world.now))

    def _replace(self, key: tuple[str, str], body: Document) -> Document:
        meta, wanted = self._get(key)["metadata"], body["metadata"].get("resourceVersion")
        if wanted not in (None, meta["resourceVersion"]):
            text = "the object has been modified; please apply your changes to the latest version and try again"
            named = f'Operation cannot be fulfilled on leases.coordination.k8s.io "{key[1]}"'
            raise ApiRefusal(409, "Conflict", f"{named}: {text}")
        return self._keep(*key, body, meta["creationTimestamp"])

    def _keep(self, namespace: str, name: str, body: Document, created: str) -> Document:
        kept = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "resourceVersion": str(next(self._versions)),
                "creationTimestamp": created,
            },
            "spec": {key: value for key, value in (body.get("spec") or {}).items() if value is not None},
        }
        self._leases[namespace, name] = kept
        return kept


def _body(question: Question) -> Document:
    found = question.json()
    if not isinstance(found, dict):
        raise ApiRefusal(400, "BadRequest", "the body isn't an object")
    return found
