"""Online load from Prometheus, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/).

An instant query answers with the instant at which it was evaluated, and finds samples up to five minutes old: a target
whose samples merely stop would look alive for so long. (One whose scrape fails has none at once.) So each query names
how old a sample may be (``lookback_delta``). A server that doesn't know the parameter ignores it, as 2.42 does: there
the server's own flag, ``--query.lookback-delta``, says it for all.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from bridge.core.load import LoadReading, LoadUnit, Sample
from bridge.ports import Clock, Denied, NotUnderstood, Rejected, Unavailable

_MOST_POINTS = 10_000
"""Of one series in one answer; Prometheus refuses more than 11,000."""
_MOST_BYTES = 64 << 20
_TOTAL = ""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What RFC 6750 lets a bearer token be; the client's own complaint about anything else would quote it."""

Values = dict[str, dict[datetime, float]]
"""Values by lender (the empty name: all together) and instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadQuery:
    """What is asked for."""

    query: str
    """Any PromQL expression. With ``node_label`` one value per lender, else the sum of all values counts."""
    unit: LoadUnit = LoadUnit.CORES
    node_label: str | None = None
    """The label that holds the lender's name, with or without a port."""
    own_query: str | None = None
    """What elastic pods use, in the same form, where ``query`` doesn't leave them out; it is subtracted."""
    lookback: timedelta = timedelta(seconds=60)
    """How old a sample may be."""


class Transport(Protocol):
    """Sends one request."""

    def get(self, path: str, parameters: Mapping[str, str]) -> Any:
        """Return the reply's JSON. Raises ``PortError``."""
        ...


class HttpTransport:
    """Sends requests to one Prometheus."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 10.0,
        bearer_token_file: Path | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._name = _without_password(self._url)
        self._timeout_s = timeout_s
        self._bearer_token_file = bearer_token_file
        self._session = requests.Session()
        self._session.verify = True if ca_file is None else str(ca_file)

    def get(self, path: str, parameters: Mapping[str, str]) -> Any:
        """Return the reply's JSON; an error that Prometheus explains is told in its words."""
        try:
            reply = self._session.get(
                f"{self._url}{path}",
                params=dict(parameters),
                headers=self._headers(),
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            )
            body = _read(reply)
        except (requests.RequestException, OSError) as error:
            raise Unavailable(f"Prometheus at {self._name} doesn't answer: {error}") from error
        if reply.status_code in {401, 403}:
            raise Denied(f"Prometheus at {self._name} refuses: {reply.status_code} {reply.reason}")
        return self._json(reply, body)

    def _json(self, reply: requests.Response, body: bytes) -> Any:
        """Read the reply's body, and raise what it stands for."""
        try:
            value = json.loads(body)
        except ValueError as error:
            what = f"{reply.status_code} {reply.reason}"
            kind = Unavailable if reply.status_code >= 500 or reply.is_redirect else NotUnderstood
            raise kind(f"Prometheus at {self._name} answers {what} without JSON; name its base address") from error
        if reply.status_code == 200:
            return value
        words = value.get("error", reply.reason) if isinstance(value, dict) else reply.reason
        if reply.status_code in {400, 422}:
            raise Rejected(f"Prometheus refuses the query: {words}")
        raise Unavailable(f"Prometheus at {self._name} answers {reply.status_code}: {words}")

    def _headers(self) -> dict[str, str]:
        """Read the token anew each time: whoever rotates it replaces the file."""
        if self._bearer_token_file is None:
            return {}
        token = self._bearer_token_file.read_bytes().strip().decode("ascii", errors="replace")
        if not _TOKEN.fullmatch(token):
            raise Denied(
                f"{self._bearer_token_file} holds no bearer token; write one line of letters, digits and -._~+/="
            )
        return {"Authorization": f"Bearer {token}"}


class PrometheusLoad:
    """``bridge.ports.LoadSignal`` from a Prometheus."""

    def __init__(self, transport: Transport, query: LoadQuery, clock: Clock, *, quick: Transport | None = None) -> None:
        """Ask by *transport*; for what a tick waits for by *quick*, where there is one that gives up sooner."""
        self._transport = transport
        self._quick = quick or transport
        self._query = query
        self._clock = clock

    def observe(self) -> LoadReading:
        """Ask for the newest values; own use that no series tells of is none, which makes the load look higher."""
        at = self._clock.now()
        found = self._instant(self._query.query, at)
        if self._query.own_query is not None:
            found = _less(found, self._instant(self._query.own_query, at))
        samples = {name: Sample(at=max(values), value=values[max(values)]) for name, values in found.items() if values}
        return _reading(samples, self._query.unit)

    def history(self, since: datetime, until: datetime, step: timedelta) -> Sequence[tuple[datetime, LoadReading]]:
        """Ask for the values at each *step* in [since, until), as far back as Prometheus keeps them."""
        by_at: defaultdict[datetime, dict[str, Sample]] = defaultdict(dict)
        for first, last in _chunks(since, until, step):
            found = self._range(self._query.query, first, last, step)
            if self._query.own_query is not None:
                found = _less(found, self._range(self._query.own_query, first, last, step))
            for name, values in found.items():
                for at, value in values.items():
                    by_at[at][name] = Sample(at=at, value=value)
        return tuple((at, _reading(by_at[at], self._query.unit)) for at in sorted(by_at))

    def _instant(self, query: str, at: datetime) -> Values:
        parameters = {"query": query, "time": _second(at), "lookback_delta": self._lookback}
        return self._values(self._quick.get("/api/v1/query", parameters))

    def _range(self, query: str, first: datetime, last: datetime, step: timedelta) -> Values:
        parameters = {
            "query": query,
            "start": _second(first),
            "end": _second(last),
            "step": f"{step.total_seconds():g}",
            "lookback_delta": self._lookback,
        }
        return self._values(self._transport.get("/api/v1/query_range", parameters))

    @property
    def _lookback(self) -> str:
        return f"{math.ceil(self._query.lookback.total_seconds())}s"

    def _values(self, reply: Any) -> Values:
        """Parse a reply's data; series that stand for one lender, or for all, are added up."""
        found: Values = defaultdict(dict)
        try:
            if reply.get("warnings"):
                raise Unavailable(
                    f"Prometheus says that its answer is incomplete: {'; '.join(reply['warnings'])[:300]}"
                )
            data = reply["data"]
            entries = data["result"] if data["resultType"] != "scalar" else [{"metric": {}, "value": data["result"]}]
            for entry in entries:
                name = self._name(entry["metric"])
                if name is None:
                    continue
                for at_s, text in entry["values"] if "values" in entry else [entry["value"]]:
                    at = datetime.fromtimestamp(float(at_s), UTC)
                    found[name][at] = found[name].get(at, 0.0) + float(text)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
            raise NotUnderstood(f"Prometheus's answer has another form than API v1's: {error!r}") from error
        # A part that isn't a number makes the sum none: the rest alone would look like a fall.
        return {
            name: {at: value for at, value in values.items() if math.isfinite(value)} for name, values in found.items()
        }

    def _name(self, metric: Mapping[str, str]) -> str | None:
        """Say which lender a series stands for; None for one without the label."""
        if self._query.node_label is None:
            return _TOTAL
        name = metric.get(self._query.node_label)
        return _without_port(name) if name else None


def _without_password(url: str) -> str:
    """Leave out of an address who asks, which no message needs."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _without_port(name: str) -> str:
    """Cut a port off: node-1:9100, 10.0.0.1:9100, [fd00::1]:9100; a bare IPv6 address has none."""
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0] if name.count(":") == 1 else name


def _read(reply: requests.Response) -> bytes:
    """Read a reply up to a size that no sane answer has."""
    body = bytearray()
    for chunk in reply.iter_content(1 << 16):
        body += chunk
        if len(body) > _MOST_BYTES:
            reply.close()
            raise OSError(f"the answer is larger than {_MOST_BYTES} bytes; aggregate in the query")
    return bytes(body)


def _less(found: Values, own: Values) -> Values:
    """Take out what elastic pods use; never below nothing."""
    return {
        name: {at: max(0.0, value - own.get(name, {}).get(at, 0.0)) for at, value in values.items()}
        for name, values in found.items()
    }


def _reading(samples: Mapping[str, Sample], unit: LoadUnit) -> LoadReading:
    by_lender = {name: sample for name, sample in samples.items() if name != _TOTAL}
    return LoadReading(unit=unit, total=samples.get(_TOTAL), by_lender=by_lender)


def _chunks(since: datetime, until: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Cut a stretch of time so that no answer has too many points; both ends belong to a part."""
    steps = -((since - until) // step)
    for first in range(0, steps, _MOST_POINTS):
        last = min(first + _MOST_POINTS, steps) - 1
        yield since + first * step, since + last * step


def _second(at: datetime) -> str:
    return f"{at.timestamp():.3f}"
