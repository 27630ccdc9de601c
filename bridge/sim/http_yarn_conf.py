"""``scheduler-conf`` of the ResourceManager: read, change and validate the queues, in the manner of Hadoop 3.4.2.

Answers to a change are plain text under the content type of JSON. A request may be XML or JSON; in JSON a root, and
every key that isn't known, is passed over in silence, and the version moves all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import orjson

from bridge.sim.capacity import QueueError
from bridge.sim.errors import RmRefusal
from bridge.sim.http_words import Answer, Question
from bridge.sim.scheduler_conf import Mutation, QueueChange
from bridge.sim.world import SimWorld

CONF = "/ws/v1/cluster/scheduler-conf"
_NOT_MUTABLE = "Configuration change only supported by mutable configuration store."
_NOT_READABLE = (
    "This API only supports to retrieve scheduler configuration from a mutable-conf scheduler, underneath scheduler "
    "CapacityScheduler is not an instance of MutableConfScheduler"
)
_APPLIED = "Configuration change successfully applied."
_INVALID = "CapacityScheduler configuration validation failed:java.io.IOException: "


class ConfRest:
    """Answers what is asked of the scheduler's configuration."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world

    def answer(self, question: Question) -> Answer | None:
        """Answer; None where the path isn't of this interface."""
        act = {
            ("GET", CONF): self._read,
            ("PUT", CONF): self._change,
            ("GET", f"{CONF}/version"): self._version,
            ("POST", f"{CONF}/validate"): self._validate,
        }.get((question.method, question.path))
        if act is None:
            return None
        is_reading = question.method == "GET"
        with self._world.faults.around("yarn.observe" if is_reading else "yarn.configure"):
            if self._world.config.conf_store == "file":
                return _text(400, _NOT_READABLE if is_reading else _NOT_MUTABLE)
            return act(question)

    def _read(self, _: Question) -> Answer:
        return _properties(self._world.yarn.conf.properties)

    def _version(self, _: Question) -> Answer:
        return Answer.of({"versionID": str(self._world.yarn.conf.version)})

    def _change(self, question: Question) -> Answer:
        try:
            self._world.yarn.configure(read_mutation(question.body))
        except QueueError as error:
            return _text(400, f"Failed to re-init queues : {error}")
        return _text(200, _APPLIED)

    def _validate(self, question: Question) -> Answer:
        try:
            return _properties(self._world.yarn.validate(read_mutation(question.body)))
        except QueueError as error:
            return _text(400, f"{_INVALID}Failed to re-init queues : {error}")


def _text(status: int, text: str) -> Answer:
    return Answer(status=status, body=text.encode())


def _properties(found: Mapping[str, str]) -> Answer:
    return Answer.of({"property": [{"name": name, "value": value} for name, value in found.items()]})


def read_mutation(body: bytes) -> Mutation:
    """Read a request to change the configuration, XML or JSON."""
    if body.lstrip().startswith(b"<"):
        return _mutation(_from_xml(body))
    return _mutation(orjson.loads(body))


def _from_xml(body: bytes) -> dict[str, Any]:
    """Read the elements below the root as the JSON form has them."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise RmRefusal(400, "WebApplicationException", str(error)) from error
    found: dict[str, list[Any]] = {}
    for element in root:
        found.setdefault(element.tag, []).append(_element(element))
    return {tag: values[0] if tag == "global-updates" else values for tag, values in found.items()}


def _element(element: ElementTree.Element) -> object:
    if not len(element):
        return (element.text or "").strip()
    found: dict[str, list[object]] = {}
    for child in element:
        found.setdefault(child.tag, []).append(_element(child))
    return {tag: values if len(values) > 1 else values[0] for tag, values in found.items()}


def _mutation(body: Any) -> Mutation:
    return Mutation(
        remove=tuple(str(path) for path in _listed(body.get("remove-queue"))),
        add=tuple(_change(one) for one in _listed(body.get("add-queue"))),
        update=tuple(_change(one) for one in _listed(body.get("update-queue"))),
        everywhere=_entries(body.get("global-updates")),
    )


def _change(body: Any) -> QueueChange:
    return QueueChange(path=str(body["queue-name"]), params=_entries(body.get("params")))


def _entries(body: Any) -> dict[str, str]:
    entries = _listed((body or {}).get("entry"))
    return {str(entry["key"]): str(entry.get("value") or "") for entry in entries}


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value in (None, "", {}) else [value]
