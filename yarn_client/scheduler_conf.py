"""CapacityScheduler's configuration over REST: read it, try a change, make it.

Changes go out as XML: as JSON a wrong root is answered with 200 and changes nothing (3.3.6 to 3.5.0). One request is
one step: refused as a whole, or applied as a whole. What the RM takes and shouldn't is found by `conf_check`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.etree import ElementTree as ET

from yarn_client.reading import Fields, Json
from yarn_client.transport import Request

CONF_PATH = "/ws/v1/cluster/scheduler-conf"
VERSION_PATH = f"{CONF_PATH}/version"
VALIDATE_PATH = f"{CONF_PATH}/validate"
APPLIED = "Configuration change successfully applied."
QUEUE_PREFIX = "yarn.scheduler.capacity."

_XML = "application/xml"
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfChanges:
    """What to set in one step; an empty value unsets a key. Queues are neither added nor removed.

    The RM ignores a queue that it doesn't have, with 200.
    """

    values_by_queue: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """By full path, "root.a": the rest of each key, "capacity" for yarn.scheduler.capacity.root.a.capacity."""
    settings: Mapping[str, str] = field(default_factory=lambda: _NOTHING, hash=False)
    """Of the scheduler as a whole, by full key."""

    def applied_to(self, conf: Mapping[str, str]) -> Mapping[str, str]:
        """Give *conf* as it will be."""
        changed = {
            f"{QUEUE_PREFIX}{path}.{key}": value
            for path, values in self.values_by_queue.items()
            for key, value in values.items()
        }
        after = {**conf, **changed, **self.settings}
        return MappingProxyType({key: value for key, value in after.items() if value != ""})


def conf_request() -> Request:
    """Ask for the whole configuration of the scheduler."""
    return Request(path=CONF_PATH)


def version_request() -> Request:
    """Ask for the configuration's number."""
    return Request(path=VERSION_PATH)


def validate_request(changes: ConfChanges) -> Request:
    """Ask what *changes* would make of the configuration."""
    return Request(path=VALIDATE_PATH, body=_document(changes), content_type=_XML)


def change_request(changes: ConfChanges) -> Request:
    """Make *changes*."""
    return Request(path=CONF_PATH, body=_document(changes), content_type=_XML, is_put=True, success_text=APPLIED)


def read_conf(reply: Json, path: str = CONF_PATH) -> Mapping[str, str]:
    """Read the configuration, by full key."""
    conf = Fields(reply, path)
    if not conf.has("property"):
        raise conf.bad("property", "missing")
    return MappingProxyType({one.text("name"): one.text("value", "") for one in conf.each("property")})


def read_version(reply: Json) -> int:
    """Read the number: a string without a root up to 3.4, a number in `configversion` from 3.5."""
    return Fields(reply, VERSION_PATH).root("configversion").whole("versionID")


def _document(changes: ConfChanges) -> bytes:
    root = ET.Element("sched-conf")
    for path, values in changes.values_by_queue.items():
        update = ET.SubElement(root, "update-queue")
        ET.SubElement(update, "queue-name").text = _writable(path)
        _add_entries(ET.SubElement(update, "params"), values)
    if changes.settings:
        _add_entries(ET.SubElement(root, "global-updates"), changes.settings)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_entries(parent: ET.Element, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        entry = ET.SubElement(parent, "entry")
        ET.SubElement(entry, "key").text = _writable(key)
        ET.SubElement(entry, "value").text = _writable(value)


def _writable(text: str) -> str:
    if _NOT_IN_XML.search(text):
        raise ValueError(f"a character that XML can't carry: {text!r}")
    return text
