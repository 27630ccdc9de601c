"""FairScheduler's allocation file: read the queues, change minimum, maximum and weight of some, leave all else alone.

A change is a splice of bytes at the place of the value, so that comments, elements that aren't known, their order and
the layout stay as their author left them; without a change the file is the same, byte by byte. The RM looks at the file
every 10 s and takes it once it is 5 s old; one that it can't read it ignores, and says so in its log only.
"""

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from xml.sax.saxutils import quoteattr

from yarn_client import allocation_xml
from yarn_client.allocation_xml import Element
from yarn_client.errors import AllocationsChanged, AllocationsUnreachable, BadAllocations
from yarn_client.values import YarnResource

_QUEUE = ("queue", "pool")
_ROOT = "root"
_STEP = b"  "
_OLD_STYLE = re.compile(r"\s*(-?[0-9]+)\s*mb\s*,?\s*(-?[0-9]+)\s*vcores\s*", re.IGNORECASE)
_NEW_STYLE = re.compile(r"\s*([\w./-]+)\s*=\s*(-?[0-9]+)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class FairQueue:
    """One queue of the file; what isn't set is None."""

    path: str
    """From the root: "root.a.b"."""
    line: int
    min_resources: str | None = None
    max_resources: str | None = None
    weight: Decimal | None = None

    @property
    def minimum(self) -> YarnResource | None:
        """Give min_resources as an amount; None when it isn't set, or isn't plain memory and vcores."""
        return parse_resources(self.min_resources or "")

    @property
    def maximum(self) -> YarnResource | None:
        """Give max_resources as an amount; None when it isn't set, or is a part of the cluster ("50%")."""
        return parse_resources(self.max_resources or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FairChange:
    """What one queue is to have; None leaves it as it is. Raises ValueError for what the RM would stumble over.

    A negative amount makes it ignore the whole file, a weight that is negative or none gives the queue nothing (3.4.2).
    """

    minimum: YarnResource | None = None
    maximum: YarnResource | None = None
    weight: Decimal | None = None

    def __post_init__(self) -> None:
        amounts = [amount for amount in (self.minimum, self.maximum) if amount is not None]
        if any(amount != amount.clipped() for amount in amounts):
            raise ValueError(f"negative amounts: {self}")
        if self.weight is not None and not (self.weight.is_finite() and self.weight >= 0):
            raise ValueError(f"no weight: {self.weight}")


@dataclass(frozen=True, slots=True)
class AllocationFile:
    """The file as it is, and the queues in it. A value: a change makes another one."""

    content: bytes
    queues: tuple[FairQueue, ...] = field(compare=False)

    @classmethod
    def parse(cls, content: bytes) -> "AllocationFile":
        """Read *content*. Raises BadAllocations with the line."""
        return cls(content, tuple(_fair_queue(path, element) for path, element in _elements(content).items()))

    def queue(self, path: str) -> FairQueue | None:
        """Give the queue at *path*, None when the file doesn't name it."""
        return next((queue for queue in self.queues if queue.path == path), None)

    def changed(self, change_by_queue: Mapping[str, FairChange]) -> "AllocationFile":
        """Make the changes; a queue that is missing is added below its nearest ancestor. Raises BadAllocations."""
        content = self.content
        for path, change in change_by_queue.items():
            for tag, value in _wanted(change):
                content = _with_value(_with_queue(content, path), path, tag, value)
        return self if content == self.content else AllocationFile.parse(content)


def parse_resources(text: str) -> YarnResource | None:
    """Read "1024 mb, 3 vcores" or "vcores=3, memory-mb=1024"; None for percentages and other names."""
    if old := _OLD_STYLE.fullmatch(text):
        return YarnResource(memory_mib=int(old[1]), vcores=int(old[2]))
    entries = [_NEW_STYLE.fullmatch(entry) for entry in text.split(",")]
    amounts = {entry[1]: int(entry[2]) for entry in entries if entry}
    if len(amounts) != len(entries) or set(amounts) != {"memory-mb", "vcores"}:
        return None
    return YarnResource(memory_mib=amounts["memory-mb"], vcores=amounts["vcores"])


def read_allocations(path: Path) -> AllocationFile:
    """Read the file at *path*. Raises AllocationsUnreachable and BadAllocations."""
    with _reaching(path):
        content = path.read_bytes()
    return AllocationFile.parse(content)


def replace_allocations(path: Path, old: AllocationFile, new: AllocationFile) -> bool:
    """Put *new* in the place of *old*, which was read from *path*; say whether there was anything to write.

    The file is written beside and renamed, with the owner and the mode that the old one has, so that the RM never
    reads half of it. A link stays a link. Raises AllocationsChanged when it is *old* no more, and
    AllocationsUnreachable.
    """
    with _reaching(path):
        place = path.resolve(strict=True)
        if place.read_bytes() != old.content:
            raise AllocationsChanged(f"{path} was changed since it was read")
        if new == old:
            return False
        _write_beside_and_rename(place, new.content)
    return True


def _write_beside_and_rename(place: Path, content: bytes) -> None:
    was = place.stat()
    handle, beside = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchown(handle, was.st_uid, was.st_gid)
            os.fchmod(handle, stat.S_IMODE(was.st_mode))
            file.flush()
            os.fsync(handle)
        Path(beside).replace(place)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _reaching(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AllocationsUnreachable(f"{path}: {error.strerror or error}") from error


def _elements(content: bytes) -> Mapping[str, Element]:
    """Give the queues' elements by path, parents first."""
    root = allocation_xml.parse(content)
    if root.tag != "allocations":
        raise BadAllocations(root.line, f"its root is <{root.tag}>, not <allocations>")
    found: dict[str, Element] = {}
    tops = root.each(*_QUEUE)
    for top in tops:
        if _name(top) == _ROOT and len(tops) > 1:
            raise BadAllocations(top.line, "no other queue may stand beside root")
        _collect(top, "" if _name(top) == _ROOT else _ROOT, found)
    return MappingProxyType(found)


def _collect(element: Element, parent: str, found: dict[str, Element]) -> None:
    name = _name(element)
    path = f"{parent}.{name}" if parent else _ROOT
    if path in found:
        raise BadAllocations(element.line, f"queue {path} stands there twice, before in line {found[path].line}")
    found[path] = element
    for child in element.each(*_QUEUE):
        _collect(child, path, found)


def _name(element: Element) -> str:
    name = element.attributes.get("name", "").strip()
    if not name:
        raise BadAllocations(element.line, f"a <{element.tag}> without a name")
    if "." in name:
        raise BadAllocations(element.line, f"the RM takes no name with a dot: {name!r}; nest the queues instead")
    return name


def _fair_queue(path: str, element: Element) -> FairQueue:
    weight = element.last("weight")
    return FairQueue(
        path=path,
        line=element.line,
        min_resources=_text(element.last("minResources")),
        max_resources=_text(element.last("maxResources")),
        weight=None if weight is None else _weight(weight),
    )


def _text(element: Element | None) -> str | None:
    return None if element is None else element.text.strip()


def _weight(element: Element) -> Decimal:
    try:
        return Decimal(element.text.strip())
    except InvalidOperation as error:
        raise BadAllocations(element.line, f"weight {element.text.strip()!r} is no number") from error


def _wanted(change: FairChange) -> Iterator[tuple[str, YarnResource | Decimal]]:
    """Give what is set, the last first: each that is missing goes in front."""
    pairs = (("weight", change.weight), ("maxResources", change.maximum), ("minResources", change.minimum))
    return ((tag, value) for tag, value in pairs if value is not None)


def _with_queue(content: bytes, path: str) -> bytes:
    """Add the queue, and those above it, where they are missing."""
    elements = _elements(content)
    if path in elements or path == _ROOT:
        return content
    parent, _, name = path.rpartition(".")
    if not parent or not name:
        raise ValueError(f"not a path from the root: {path!r}")
    content = _with_queue(content, parent)
    # Without an element of its own root is the file itself.
    above = _elements(content).get(parent) or allocation_xml.parse(content)
    return _with_child(content, above, f"<queue name={quoteattr(name)}/>".encode(), at_end=True)


def _with_value(content: bytes, path: str, tag: str, value: YarnResource | Decimal) -> bytes:
    queue = _elements(content).get(path)
    if queue is None:
        raise ValueError(f"{path} has no element of its own, and can't have a {tag}")
    element = queue.last(tag)
    text = _written(value).encode()
    if element is None:
        return _with_child(content, queue, b"<%b>%b</%b>" % (tag.encode(), text, tag.encode()), at_end=False)
    if _says(element, value):
        return content
    inner = content[element.inner_start : element.inner_end]
    if b"<" in inner or allocation_xml.is_empty_tag(content, element):
        raise BadAllocations(element.line, f"{tag} holds no plain text")
    if not inner.strip():
        return _spliced(content, element.inner_start, element.inner_end, text)
    start = element.inner_start + len(inner) - len(inner.lstrip())
    return _spliced(content, start, start + len(inner.strip()), text)


def _with_child(content: bytes, parent: Element, child: bytes, *, at_end: bool) -> bytes:
    """Add *child* as the first or the last element of *parent*, indented as its siblings are."""
    outer = allocation_xml.indent_of(content, parent)
    line_end = b"\r\n" if b"\r\n" in content else b"\n"
    indent = (outer or line_end) + _STEP
    if parent.children:
        indent = allocation_xml.indent_of(content, parent.children[0])
        at = parent.children[-1].end if at_end else parent.inner_start
        return _spliced(content, at, at, indent + child)
    if allocation_xml.is_empty_tag(content, parent):
        opened = content[parent.start : parent.inner_start - 2].rstrip() + b">"
        closing = (outer or line_end) + b"</%b>" % parent.tag.encode()
        return _spliced(content, parent.start, parent.end, opened + indent + child + closing)
    inner = content[parent.inner_start : parent.inner_end]
    closing = b"" if inner.strip(b" \t") else outer or line_end
    at = parent.inner_start
    return _spliced(content, at, at, indent + child + closing)


def _says(element: Element, value: YarnResource | Decimal) -> bool:
    """Say whether the file has this value already, however it is written."""
    return _weight(element) == value if isinstance(value, Decimal) else parse_resources(element.text) == value


def _written(value: YarnResource | Decimal) -> str:
    """Write in the form that every version reads."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return f"{value.memory_mib} mb, {value.vcores} vcores"


def _spliced(content: bytes, start: int, end: int, new: bytes) -> bytes:
    return content[:start] + new + content[end:]
