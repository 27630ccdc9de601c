"""The ResourceManager's exclude file (`yarn.resourcemanager.nodes.exclude-path`): who is told to leave.

Other hands write it too. So this package marks its entries, takes away only those, and leaves every other byte alone.
A file whose name ends in .xml has a timeout for each host; any other is plain text, a host a word, `#` a comment.
"""

import os
import re
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from yarn_client.errors import BadExcludeFile, ExcludeFileUnreachable

_MARK = "tidebridge"
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_OUR_ELEMENT = re.compile(
    rb"\s*<host><name>([A-Za-z0-9._:-]+)</name><timeout>(-?[0-9]+)</timeout><by>" + _MARK.encode() + rb"</by></host>"
)
_OUR_LINE = re.compile(rb"^([A-Za-z0-9._:-]+) # " + _MARK.encode() + rb"\r?(?:\n|\Z)", re.MULTILINE)
_EMPTY_ROOT = re.compile(rb"<hosts\s*/>")
_END_OF_ROOT = b"</hosts>"
_ONE_AT_A_TIME = threading.Lock()
"""Pools of one process write the same file."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Excluded:
    """What the file says: our hosts with their timeouts in seconds (None in plain text), and those of others."""

    ours: Mapping[str, int | None]
    others: frozenset[str]


def read_excluded(path: Path) -> Excluded:
    """Read the file; an empty one excludes nobody. Raise BadExcludeFile, ExcludeFileUnreachable."""
    with _reaching(path):
        return parse(path.read_bytes(), is_xml=_is_xml(path))


def exclude(path: Path, timeout_s_by_host: Mapping[str, int]) -> bool:
    """Put hosts into the file, or give them new timeouts; say whether it had to be written.

    A host that another hand has put there is left as it is.
    """
    return _change(path, timeout_s_by_host, frozenset())


def readmit(path: Path, hosts: frozenset[str]) -> bool:
    """Take our entries for *hosts* out of the file; say whether it had to be written."""
    return _change(path, {}, hosts)


def parse(content: bytes, *, is_xml: bool) -> Excluded:
    """Read a file's content; raise BadExcludeFile."""
    return _parse_xml(content) if is_xml else _parse_lines(content)


def changed(content: bytes, *, add: Mapping[str, int], remove: frozenset[str], is_xml: bool) -> bytes:
    """Give the content with hosts added and our entries removed; raise BadExcludeFile."""
    if wrong := [host for host in add if not _HOST.fullmatch(host)]:
        raise ValueError(f"{wrong[0]!r} is no host")
    found = parse(content, is_xml=is_xml)
    wanted = {host: timeout_s for host, timeout_s in add.items() if host not in found.others}
    if not is_xml:
        wanted = {host: timeout_s for host, timeout_s in wanted.items() if host not in found.ours}
    gone = {host.encode() for host in (*remove, *wanted)}
    ours = _OUR_ELEMENT if is_xml else _OUR_LINE
    kept = ours.sub(lambda entry: b"" if entry[1] in gone else entry[0], content)
    return _with_elements(kept, wanted) if is_xml else _with_lines(kept, wanted)


def _change(path: Path, add: Mapping[str, int], remove: frozenset[str]) -> bool:
    """Read, change and write; what another hand writes meanwhile is read again, so that it isn't lost."""
    is_xml = _is_xml(path)
    with _reaching(path), _ONE_AT_A_TIME:
        place = path.resolve(strict=True)
        for _ in range(_TRIES):
            old = place.read_bytes()
            new = changed(old, add=add, remove=remove, is_xml=is_xml)
            if _same(old, new, is_xml=is_xml):
                return False
            if _write_beside_and_rename(place, new, instead_of=old):
                return True
    raise ExcludeFileUnreachable(f"exclude file {path}: another hand writes it all the time")


def _same(old: bytes, new: bytes, *, is_xml: bool) -> bool:
    """Say whether both mean the same: a timeout set to what it is only moves the entry."""
    return old == new or parse(old, is_xml=is_xml) == parse(new, is_xml=is_xml)


def _is_xml(path: Path) -> bool:
    return path.name.endswith(".xml")


def _parse_xml(content: bytes) -> Excluded:
    if b"<!DOCTYPE" in content:
        raise BadExcludeFile("a document type: the file is left to whoever wrote it")
    try:
        root = ET.fromstring(content) if content.strip() else ET.Element("hosts")
    except (ET.ParseError, ValueError, LookupError) as error:
        raise BadExcludeFile(f"no XML: {error}") from error
    if root.tag != "hosts":
        raise BadExcludeFile(f"<{root.tag}> where <hosts> was expected")
    return _excluded(content, root)


def _excluded(content: bytes, root: ET.Element) -> Excluded:
    ours = {entry[1].decode(): int(entry[2]) for entry in _OUR_ELEMENT.finditer(content)}
    named = [name.strip() for host in root.iter("host") for name in (host.findtext("name") or "").split(",")]
    for host in ours:
        if host not in named:
            raise BadExcludeFile(f"an entry of ours for {host} in a comment")
        named.remove(host)
    return Excluded(ours, frozenset(filter(None, named)))


def _parse_lines(content: bytes) -> Excluded:
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise BadExcludeFile(f"no text: {error}") from error
    if any("<" in line.partition("#")[0] for line in lines):
        raise BadExcludeFile("XML in a file whose name doesn't end in .xml: the ResourceManager would read it as hosts")
    ours: dict[str, int | None] = {entry[1].decode(): None for entry in _OUR_LINE.finditer(content)}
    others = [word for line in lines if not line.endswith(f" # {_MARK}") for word in line.partition("#")[0].split()]
    return Excluded(ours, frozenset(others))


def _with_elements(content: bytes, timeout_s_by_host: Mapping[str, int]) -> bytes:
    entries = "".join(
        f"\n  <host><name>{host}</name><timeout>{timeout_s}</timeout><by>{_MARK}</by></host>"
        for host, timeout_s in timeout_s_by_host.items()
    ).encode()
    if not entries:
        return content
    if not content.strip():
        return b"<hosts>" + entries + b"\n</hosts>\n"
    opened = _EMPTY_ROOT.sub(b"<hosts>\n</hosts>", content, count=1)
    before, end, after = opened.rpartition(_END_OF_ROOT)
    if not end:
        raise BadExcludeFile("no </hosts> where it was expected")
    return before.rstrip() + entries + b"\n" + end + after


def _with_lines(content: bytes, hosts: Mapping[str, int]) -> bytes:
    if not hosts:
        return content
    joint = b"" if not content or content.endswith(b"\n") else b"\n"
    return content + joint + "".join(f"{host} # {_MARK}\n" for host in hosts).encode()


def _write_beside_and_rename(place: Path, content: bytes, *, instead_of: bytes) -> bool:
    """Say whether the file still was what it was read as, up to the moment in which it is replaced."""
    was = place.stat()
    handle, beside = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchown(handle, was.st_uid, was.st_gid)
            os.fchmod(handle, stat.S_IMODE(was.st_mode))
            file.flush()
            os.fsync(handle)
        if place.read_bytes() != instead_of:
            return False
        Path(beside).replace(place)
        return True
    finally:
        Path(beside).unlink(missing_ok=True)


@contextmanager
def _reaching(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExcludeFileUnreachable(f"exclude file {path}: {error.strerror or error}") from error
