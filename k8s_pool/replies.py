"""Reads replies: JSON of a success, or the typed error that a refusal means."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

import orjson

from k8s_pool.errors import AlreadyExists, Conflict, Forbidden, KubeError, KubeUnavailable, QuotaRefused, Refused
from k8s_pool.transport import JsonObject, Reply, Request, Transport

# What every authorizer's refusal says: pods is forbidden: User "x" cannot create resource "pods" in API group "" ...
_MISSING_RIGHT = re.compile(
    r'User "[^"]*" cannot (?P<verb>[a-z]+) resource "(?P<resource>[^"]+)"'
    r'(?:.*? in the namespace "(?P<namespace>[^"]+)")?'
)
T = TypeVar("T")

_TOO_MANY_REQUESTS = 429
_PAGE_SIZE = 500


def call(transport: Transport, request: Request) -> JsonObject:
    """Send *request* and return the reply's JSON object. Raises KubeUnavailable, Refused and its leaves."""
    with closing(transport.send(request)) as reply:
        return read_object(reply)


def call_unless(transport: Transport, request: Request, absent_when: Sequence[int]) -> JsonObject | None:
    """Do as `call`, but return None when the reply's status is one of *absent_when*."""
    with closing(transport.send(request)) as reply:
        return None if reply.status in absent_when else read_object(reply)


def list_objects(transport: Transport, path: str, parse: Callable[[JsonObject], T]) -> Iterator[T]:
    """Yield what *parse* makes of each object of the list at *path*, page by page.

    Raises KubeUnavailable for what isn't a list, and for an object that can't be understood.
    """
    token = ""
    while True:
        query = (("limit", str(_PAGE_SIZE)), *((("continue", token),) if token else ()))
        page = call(transport, Request(method="GET", path=path, query=query))
        meta, items = page.get("metadata"), page.get("items")
        if not isinstance(meta, dict) or not isinstance(items, list | None):
            raise KubeUnavailable(f"{path}: the answer isn't a list: {str(page)[:80]}")
        yield from (_parsed(raw, path, parse) for raw in items or ())
        token = meta.get("continue") or ""
        if not token:
            return


def _parsed(raw: JsonObject, path: str, parse: Callable[[JsonObject], T]) -> T:
    try:
        return parse(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise KubeUnavailable(f"{path}: not understood: {error!r} in {str(raw)[:200]}") from error


def read_object(reply: Reply) -> JsonObject:
    """Return the JSON object of a success; raise what anything else means."""
    raw = reply.read()
    if 200 <= reply.status < 300:
        return parse_object(raw)
    raise refusal(reply.status, raw, retry_after_s=reply.retry_after_s)


def parse_object(raw: bytes) -> JsonObject:
    """Parse one JSON object. Raises KubeUnavailable: an answer that isn't one is an outage, whatever its status."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise KubeUnavailable(f"the answer isn't JSON: {raw[:80]!r}") from error
    if not isinstance(value, dict):
        raise KubeUnavailable(f"the answer isn't a JSON object: {raw[:80]!r}")
    return value


def refusal(http_status: int, raw: bytes, *, retry_after_s: float = 0.0) -> KubeError:
    """Return the error that a reply without success means."""
    if http_status == _TOO_MANY_REQUESTS or not 400 <= http_status < 500:
        return KubeUnavailable(f"HTTP {http_status}: {raw[:200]!r}", retry_after_s=retry_after_s)
    try:
        status = parse_object(raw)
    except KubeUnavailable as error:
        return KubeUnavailable(f"HTTP {http_status}: {error}")
    if status.get("kind") != "Status":
        return KubeUnavailable(f"HTTP {http_status}: the answer isn't a Status object: {raw[:80]!r}")
    return _refusal_of(http_status, str(status.get("reason") or ""), str(status.get("message") or ""))


def _refusal_of(http_status: int, reason: str, message: str) -> Refused:
    if http_status == 409 and reason == "AlreadyExists":
        return AlreadyExists(message, status=http_status, reason=reason)
    if http_status == 409:
        return Conflict(message, status=http_status, reason=reason)
    if http_status == 403 and "exceeded quota" in message:
        return QuotaRefused(message, status=http_status, reason=reason)
    if http_status == 403 and (right := _MISSING_RIGHT.search(message)):
        return Forbidden(message, verb=right["verb"], resource=right["resource"], namespace=right["namespace"])
    return Refused(message, status=http_status, reason=reason)
