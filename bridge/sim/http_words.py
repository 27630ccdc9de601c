"""What the two served interfaces share: a question, an answer, and how a planned failure is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Question:
    """A request, path and query decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """Decode the body; raise ValueError where it isn't JSON."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply; ``lines`` instead of a body is a stream."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    lines: Iterator[bytes] | None = None

    @classmethod
    def of(cls, document: object, status: int = 200) -> Answer:
        """Make a reply of a JSON document."""
        return cls(status=status, body=orjson.dumps(document))


NOT_JSON = Answer(body=b"<html><body>This is not the page you are looking for</body></html>", content_type="text/html")
