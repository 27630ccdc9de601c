"""The Kubernetes API for Leases (coordination.k8s.io/v1): kept as they are written, and only over what was read."""

from __future__ import annotations

import itertools
import re
import uuid
from typing import Any

from bridge.sim.errors import ApiRefusal, check_uid
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
        self._uids = itertools.count(1)

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
        first = {"uid": str(uuid.UUID(int=next(self._uids))), "creationTimestamp": write_time(self._world.now)}
        return self._keep(namespace, name, body, first)

    def _replace(self, key: tuple[str, str], body: Document) -> Document:
        wanted = body["metadata"].get("resourceVersion")
        there = self._leases.get(key)
        check_uid(
            "leases.coordination.k8s.io",
            key[1],
            "" if there is None else there["metadata"]["uid"],
            body["metadata"].get("uid"),
        )
        if there is None:
            # So the real one does with a Lease, whatever the version.
            return self._create(key[0], body)
        meta = there["metadata"]
        if wanted not in (None, meta["resourceVersion"]):
            text = "the object has been modified; please apply your changes to the latest version and try again"
            named = f'Operation cannot be fulfilled on leases.coordination.k8s.io "{key[1]}"'
            raise ApiRefusal(409, "Conflict", f"{named}: {text}")
        return self._keep(*key, body, meta)

    def _keep(self, namespace: str, name: str, body: Document, before: Document) -> Document:
        kept = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "resourceVersion": str(next(self._versions)),
                "uid": before["uid"],
                "creationTimestamp": before["creationTimestamp"],
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
