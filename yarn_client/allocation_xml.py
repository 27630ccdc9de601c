"""Where the elements of an allocation file stand, byte by byte, so that one can be changed and all else stays.

A document type is refused: the RM refuses it too, and entities could grow without bound.
"""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from yarn_client.errors import BadAllocations

_START_TAG = re.compile(rb"""<[^\s/>]+(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_INDENT = re.compile(rb"(?:\r?\n)?[ \t]*\Z")


@dataclass(slots=True, eq=False)
class Element:
    """One element: `start` to `end` with its tags, `inner_start` to `inner_end` without, as offsets in the file."""

    tag: str
    attributes: dict[str, str]
    line: int
    start: int
    inner_start: int
    inner_end: int = 0
    end: int = 0
    text: str = ""
    children: "list[Element]" = field(default_factory=list)

    def each(self, *tags: str) -> "list[Element]":
        """Give the children with one of *tags*."""
        return [child for child in self.children if child.tag in tags]

    def last(self, tag: str) -> "Element | None":
        """Give the last child with *tag*, which is the one the RM goes by."""
        found = self.each(tag)
        return found[-1] if found else None


def parse(content: bytes) -> Element:
    """Parse *content* and return its root element. Raises BadAllocations."""
    scanner = _Scanner(content)
    try:
        content.decode("utf-8")
        scanner.parser.Parse(content, True)
    except UnicodeDecodeError as error:
        raise BadAllocations(content.count(b"\n", 0, error.start) + 1, "not in UTF-8") from error
    except expat.ExpatError as error:
        raise BadAllocations(error.lineno, f"no XML: {expat.ErrorString(error.code)}") from error
    return scanner.root


def indent_of(content: bytes, element: Element) -> bytes:
    """Return the line end and the spaces before *element*, "" when something else stands on its line before it."""
    found = _INDENT.search(content, 0, element.start)
    before = found[0] if found else b""
    return before if before.startswith((b"\r", b"\n")) else b""


def is_empty_tag(content: bytes, element: Element) -> bool:
    """Say whether *element* is written as `<a/>`."""
    return content[element.inner_start - 2 : element.inner_start] == b"/>"


class _Scanner:
    """Builds the elements while expat reads."""

    def __init__(self, content: bytes) -> None:
        self.parser = expat.ParserCreate("utf-8")
        self._content = content
        self._open: list[Element] = []
        self.parser.buffer_text = True
        self.parser.XmlDeclHandler = self._declaration
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    root: Element

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").lower() not in ("utf-8", "us-ascii"):
            raise BadAllocations(self.parser.CurrentLineNumber, f"its encoding is {encoding}; write it in UTF-8")

    def _doctype(self, *_parts: object) -> None:
        raise BadAllocations(self.parser.CurrentLineNumber, "a document type isn't allowed")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        at = self.parser.CurrentByteIndex
        found = _START_TAG.match(self._content, at)
        if found is None:
            raise BadAllocations(self.parser.CurrentLineNumber, f"a start of <{tag}> that isn't understood")
        element = Element(tag, attributes, self.parser.CurrentLineNumber, at, found.end())
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        element = self._open.pop()
        if is_empty_tag(self._content, element):
            element.inner_end = element.end = element.inner_start
        else:
            element.inner_end = self.parser.CurrentByteIndex
            element.end = self._content.index(b">", element.inner_end) + 1

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text
