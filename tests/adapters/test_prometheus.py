"""Load from a Prometheus: every form of answer, every way to fail, and no secret in any message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters import prometheus
from bridge.adapters.prometheus import HttpTransport, LoadQuery, PrometheusLoad
from bridge.core.load import LoadReading, LoadUnit, Sample
from bridge.ports import Denied, NotUnderstood, PortError, Rejected, Unavailable
from tests.adapters.prometheus_server import Asked, PrometheusServer, Reply, serving

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT_S = AT.timestamp()
QUERY = LoadQuery(query="sum(use)")
BY_NODE = replace(QUERY, query="sum by (node) (use)", node_label="node")


@dataclass(frozen=True, slots=True)
class Clock:
    def now(self) -> datetime:
        return AT


@pytest.fixture(scope="module")
def server_of_all() -> Iterator[PrometheusServer]:
    with serving() as server:
        yield server


@pytest.fixture
def server(server_of_all: PrometheusServer) -> PrometheusServer:
    server_of_all.asked.clear()
    return server_of_all


def load_of(server: PrometheusServer, query: LoadQuery = QUERY, **others: Any) -> PrometheusLoad:
    return PrometheusLoad(HttpTransport(server.url, **others), query, Clock())


def entry(value: Any, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [AT_S, value]}


def total(value: float | None) -> LoadReading:
    return LoadReading(unit=LoadUnit.CORES, total=None if value is None else Sample(at=AT, value=value))


def by_node(**values: float) -> LoadReading:
    return LoadReading(
        unit=LoadUnit.CORES, by_lender={name: Sample(at=AT, value=value) for name, value in values.items()}
    )


# Answers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "result", "found"),
    [
        pytest.param("vector", [entry("3.5")], total(3.5), id="one value"),
        pytest.param("vector", [entry("3", pod="a"), entry("1.5", pod="b")], total(4.5), id="several are added up"),
        pytest.param("scalar", [AT_S, "2"], total(2.0), id="a scalar"),
        pytest.param("vector", [], total(None), id="nothing"),
        pytest.param("vector", [entry("NaN")], total(None), id="no number"),
        pytest.param("vector", [entry("+Inf"), entry("1", pod="b")], total(None), id="one part that is none"),
        pytest.param("vector", [entry("0")], total(0.0), id="zero is said as it is"),
    ],
)
def test_a_total_is_read(server: PrometheusServer, kind: str, result: Any, found: LoadReading) -> None:
    server.answer = lambda _asked: Reply.result(kind, result)
    assert load_of(server).observe() == found


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ("n1", "n1"),
        ("n1:9100", "n1"),
        ("10.0.0.7:9100", "10.0.0.7"),
        ("n1.example.org:80", "n1.example.org"),
        ("[fd00::1]:9100", "fd00::1"),
    ],
)
def test_a_lender_is_named_with_or_without_a_port(server: PrometheusServer, named: str, name: str) -> None:
    server.answer = lambda _asked: Reply.result("vector", [entry("2", node=named), entry("7", other="x")])
    assert load_of(server, BY_NODE).observe() == by_node(**{name: 2.0})


def test_series_of_one_lender_are_added_up(server: PrometheusServer) -> None:
    result = [entry("2", node="a", mode="user"), entry("0.5", node="a", mode="system"), entry("1", node="b")]
    server.answer = lambda _asked: Reply.result("vector", result)
    assert load_of(server, BY_NODE).observe() == by_node(a=2.5, b=1.0)


def test_what_a_tick_waits_for_is_asked_of_whoever_gives_up_sooner(server: PrometheusServer) -> None:
    nowhere = HttpTransport("http://127.0.0.1:9", timeout_s=0.1)
    quick = PrometheusLoad(nowhere, QUERY, Clock(), quick=HttpTransport(server.url))
    assert isinstance(quick.observe(), LoadReading)
    with pytest.raises(Unavailable):
        quick.history(AT - timedelta(hours=1), AT, timedelta(minutes=5))


def test_elastic_pods_own_use_is_taken_out_where_a_query_tells_it(server: PrometheusServer) -> None:
    own = {"own": [entry("1.5", node="a"), entry("9", node="b")]}
    all_use = [entry("2", node="a"), entry("2", node="b"), entry("2", node="c")]
    server.answer = lambda asked: Reply.result("vector", own.get(asked.parameters["query"], all_use))
    assert load_of(server, replace(BY_NODE, own_query="own")).observe() == by_node(a=0.5, b=0.0, c=2.0)


def test_a_sample_may_be_no_older_than_is_said(server: PrometheusServer) -> None:
    server.answer = lambda _asked: Reply.result("vector", [entry("1")])
    load_of(server, replace(QUERY, lookback=timedelta(seconds=15))).observe()
    (asked,) = server.asked
    assert asked.path == "/api/v1/query"
    assert asked.parameters["query"] == "sum(use)"
    assert asked.parameters["lookback_delta"] == "15s"
    assert float(asked.parameters["time"]) == AT_S


# Failures -----------------------------------------------------------------------------------------------------------

HTML = b"<html><title>Sign in</title></html>"
WORDS = {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end of input"}


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        pytest.param(Reply.of(WORDS, 400), Rejected, "unexpected end of input", id="a query that is wrong"),
        pytest.param(
            Reply.of(WORDS | {"error": "many-to-many"}, 422), Rejected, "many-to-many", id="one that can't be"
        ),
        pytest.param(Reply.of(WORDS | {"error": "query timed out"}, 503), Unavailable, "timed out", id="too much work"),
        pytest.param(Reply(body=HTML), NotUnderstood, "name its base address", id="a page"),
        pytest.param(Reply(body=HTML, status=502), Unavailable, "502", id="a gateway's page"),
        pytest.param(Reply(body=HTML, status=404), NotUnderstood, "404", id="another address"),
        pytest.param(Reply(body=b"", status=302, headers={"Location": "/login"}), Unavailable, "302", id="redirected"),
        pytest.param(Reply(body=b"no", status=401), Denied, "401", id="no token"),
        pytest.param(Reply(body=b"no", status=403), Denied, "403", id="a wrong token"),
        pytest.param(Reply(body=b'{"data": '), NotUnderstood, "without JSON", id="broken JSON"),
        pytest.param(Reply.of([1]), NotUnderstood, "another form", id="a list"),
        pytest.param(Reply.of({"data": None}), NotUnderstood, "another form", id="no data"),
        pytest.param(
            Reply.of({"data": {"resultType": "vector", "result": []}, "warnings": ["a store is away"]}),
            Unavailable,
            "a store is away",
            id="a part only",
        ),
        pytest.param(Reply.result("vector", [{"metric": {}}]), NotUnderstood, "another form", id="no value"),
        pytest.param(Reply.result("vector", [entry("many")]), NotUnderstood, "another form", id="words for a value"),
        pytest.param(Reply.result("string", [AT_S, "up"]), NotUnderstood, "another form", id="a string"),
    ],
)
def test_what_goes_wrong_is_said(server: PrometheusServer, reply: Reply, kind: type[PortError], words: str) -> None:
    server.answer = lambda _asked: reply
    with pytest.raises(kind) as caught:
        load_of(server).observe()
    assert words in str(caught.value)


def test_an_answer_that_is_too_large_is_given_up(server: PrometheusServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "_MOST_BYTES", 100_000)
    server.answer = lambda _asked: Reply(body=b" " * 200_000)
    with pytest.raises(Unavailable, match="aggregate in the query"):
        load_of(server).observe()


def test_an_answer_that_is_late_is_none(server: PrometheusServer) -> None:
    server.answer = lambda _asked: replace(Reply.result("vector", []), after_s=0.4)
    with pytest.raises(Unavailable, match="doesn't answer"):
        load_of(server, timeout_s=0.1).observe()


def test_nobody_there_is_said() -> None:
    with serving() as gone:
        url = gone.url
    with pytest.raises(Unavailable, match="doesn't answer"):
        PrometheusLoad(HttpTransport(url, timeout_s=0.5), QUERY, Clock()).observe()


# Secrets ------------------------------------------------------------------------------------------------------------


def test_a_token_is_read_anew_each_time(server: PrometheusServer, tmp_path: Path) -> None:
    server.answer = lambda _asked: Reply.result("vector", [])
    file = tmp_path / "token"
    load = load_of(server, bearer_token_file=file)
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        load.observe()
    assert [asked.token for asked in server.asked] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("token", ["s3cret", "s3cret\nhidden", "s3cret\u20ac"])
@pytest.mark.parametrize("status", [400, 401, 500])
def test_no_message_has_the_token(server: PrometheusServer, tmp_path: Path, token: str, status: int) -> None:
    file = tmp_path / "token"
    file.write_text(token, encoding="utf-8")
    server.answer = lambda _asked: Reply(body=b"no", status=status)
    with pytest.raises(PortError) as caught:
        load_of(server, bearer_token_file=file).observe()
    assert "s3cret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_password_in_the_address_is_in_no_message(server: PrometheusServer) -> None:
    server.answer = lambda _asked: Reply(body=b"no", status=500)
    url = server.url.replace("http://", "http://reader:s3cret@")
    with pytest.raises(Unavailable) as caught:
        PrometheusLoad(HttpTransport(url), QUERY, Clock()).observe()
    assert "s3cret" not in str(caught.value)


def test_a_token_file_that_is_gone_is_said(server: PrometheusServer, tmp_path: Path) -> None:
    with pytest.raises(PortError, match="token"):
        load_of(server, bearer_token_file=tmp_path / "token").observe()


# History ------------------------------------------------------------------------------------------------------------

STEP = timedelta(minutes=5)


def as_prometheus(asked: Asked) -> Reply:
    """Answer a range as Prometheus does: both ends belong to it, and 11,000 points are the most."""
    start, end, step = (float(asked.parameters[key]) for key in ("start", "end", "step"))
    count = int((end - start) // step) + 1
    if count > 11_000:
        return Reply.of({"status": "error", "error": "exceeded maximum resolution of 11,000 points"}, 400)
    values = [[start + step * number, str((start + step * number) % 1000)] for number in range(count)]
    return Reply.result("matrix", [{"metric": {"node": "a"}, "values": values}])


@pytest.mark.parametrize("steps", [1, 2, 10_000, 10_001, 20_001])
def test_a_long_history_comes_in_parts_with_each_step_once(server: PrometheusServer, steps: int) -> None:
    server.answer = as_prometheus
    found = load_of(server, BY_NODE).history(AT, AT + steps * STEP, STEP)
    assert [at for at, _ in found] == [AT + number * STEP for number in range(steps)]
    assert found[-1][1] == LoadReading(
        unit=LoadUnit.CORES, by_lender={"a": Sample(at=found[-1][0], value=found[-1][0].timestamp() % 1000)}
    )
    assert len(server.asked) == -(-steps // 10_000)


def test_own_use_is_taken_out_of_history_as_well(server: PrometheusServer) -> None:
    def answer(asked: Asked) -> Reply:
        value = "1" if asked.parameters["query"] == "own" else "3"
        return Reply.result("matrix", [{"metric": {}, "values": [[AT_S, value]]}])

    server.answer = answer
    found = load_of(server, replace(QUERY, own_query="own")).history(AT, AT + STEP, STEP)
    assert found == ((AT, total(2.0)),)


def test_an_empty_stretch_asks_nothing(server: PrometheusServer) -> None:
    assert load_of(server).history(AT, AT, STEP) == ()
    assert server.asked == []
