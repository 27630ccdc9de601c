"""The ResourceManager's REST interface on the simulated cluster, with the shapes and quirks of Hadoop 3.4.2.

Numbers in a resize that aren't whole become 0, a missing timeout is 0, and the reply is the old total. Label lists of
one element are an object, with strings for everything.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from bridge.core.resources import Resources
from bridge.ports import Denied, NotUnderstood, PortError, Unavailable
from bridge.sim.errors import RmRefusal
from bridge.sim.http_words import NOT_JSON, Answer, Question
from bridge.sim.http_yarn_conf import ConfRest
from bridge.sim.http_yarn_queues import QueueViews
from bridge.sim.http_yarn_views import YarnViews, describe_amount
from bridge.sim.http_yarn_work import WorkViews
from bridge.sim.world import SimWorld

_ROOT = "/ws/v1/cluster"
_EXACT = re.compile(rf"{_ROOT}/nodes/(?P<node>[^/]+)(?:/(?P<verb>resource|replace-labels))?")

_HELD = re.compile(rf"{_ROOT}/apps/(?P<app>[^/]+)/appattempts/appattempt_\d+_\d+_(?P<attempt>\d+)/containers")


class YarnRest:
    """Answers what a ResourceManager answers."""

    def __init__(self, world: SimWorld, lock: threading.Condition) -> None:
        self._world = world
        self._lock = lock
        self._views = YarnViews(world)
        self._conf = ConfRest(world)
        self._work = WorkViews(world)
        views, work, queues = self._views, self._work, QueueViews(world)
        self._gets: Mapping[str, Callable[[Question], bytes]] = {
            _ROOT: lambda _: views.info(),
            f"{_ROOT}/info": lambda _: views.info(),
            f"{_ROOT}/metrics": lambda _: views.metrics(),
            f"{_ROOT}/nodes": lambda question: views.nodes(question.query.get("states")),
            f"{_ROOT}/apps": lambda question: work.apps(question.query),
            f"{_ROOT}/scheduler": lambda _: queues.scheduler(),
            f"{_ROOT}/get-node-labels": lambda _: views.labels(),
            f"{_ROOT}/get-node-to-labels": lambda _: views.mappings(),
            "/conf": lambda question: views.conf(question.query.get("name", "")),
        }
        self._posts: Mapping[str, tuple[str, Callable[[Any], None]]] = {
            f"{_ROOT}/add-node-labels": ("yarn.add_label", self._add_labels),
            f"{_ROOT}/replace-node-to-labels": ("yarn.map_label", self._map_labels),
        }

    def answer(self, question: Question) -> Answer | None:
        """Answer; None where the ResourceManager would give no answer at all."""
        with self._lock:
            try:
                return self._answer(question)
            except RmRefusal as error:
                return _refused(error.status, error.exception, str(error))
            except Denied as error:
                return _refused(401, "AuthorizationException", str(error))
            except NotUnderstood:
                return NOT_JSON
            except Unavailable:
                return None
            except PortError as error:
                return _refused(400, "BadRequestException", str(error))
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                return _refused(400, "WebApplicationException", str(error))

    def _answer(self, question: Question) -> Answer:
        if not self._world.yarn.is_up:
            raise Unavailable("the ResourceManager is down")
        if (answer := self._conf.answer(question)) is not None:
            return answer
        if question.method == "GET":
            with self._world.faults.around("yarn.observe"):
                return Answer(body=self._read(question))
        if question.path in self._posts:
            call, act = self._posts[question.path]
            with self._world.faults.around(call):
                act(question.json())
            return Answer()
        match = _EXACT.fullmatch(question.path)
        if question.method == "POST" and match and match["verb"] == "resource":
            with self._world.faults.around("yarn.resize"):
                return Answer.of({"resourceInfo": self._resize(match["node"], question.json())})
        if question.method == "POST" and match and match["verb"] == "replace-labels":
            with self._world.faults.around("yarn.map_label"):
                self._world.yarn.map_label(match["node"], question.query.get("labels") or None)
            return Answer()
        return Answer(status=404, body=b"<html>Not Found</html>", content_type="text/html")

    def _read(self, question: Question) -> bytes:
        if question.path in self._gets:
            return self._gets[question.path](question)
        match = _EXACT.fullmatch(question.path)
        if match and match["verb"] is None:
            return self._views.node(match["node"])
        if held := _HELD.fullmatch(question.path):
            return self._work.containers(held["app"], int(held["attempt"]))
        raise RmRefusal(404, "NotFoundException", "java.lang.Exception: no such path")

    def _resize(self, node_id: str, body: Any) -> dict[str, object]:
        if not isinstance(body, dict):
            raise RmRefusal(400, "WebApplicationException", "")
        asked = body.get("resource") or {}
        total = Resources(vcores=_whole(asked.get("vCores")), memory_mib=_whole(asked.get("memory")))
        before = self._world.yarn.resize(node_id, total, _whole(body.get("overCommitTimeout")))
        return describe_amount(before)

    def _add_labels(self, body: Any) -> None:
        for label in _listed(body["nodeLabelInfo"]):
            is_exclusive = label.get("exclusivity", True) not in (False, "false")
            self._world.yarn.add_label(str(label["name"]), is_exclusive=is_exclusive)

    def _map_labels(self, body: Any) -> None:
        for mapping in _listed(body["nodeToLabels"]):
            labels = _listed(mapping.get("labels"))
            self._world.yarn.map_label(str(mapping["nodeId"]), str(labels[0]) if labels else None)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value in (None, "", {}) else [value]


def _whole(value: object) -> int:
    """Read a number as the ResourceManager does: what isn't whole, or isn't there, is 0."""
    if isinstance(value, str):
        return int(value)
    return value if type(value) is int else 0


def _refused(status: int, exception: str, message: str) -> Answer:
    """Make the reply of a refusal; one without an exception's name has no body."""
    if not exception:
        return Answer(status=status)
    name = f"org.apache.hadoop.yarn.webapp.{exception}"
    remote = {"exception": exception, "message": message, "javaClassName": name}
    return Answer(status=status, body=orjson.dumps({"RemoteException": remote}))
