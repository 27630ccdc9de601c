"""A stub API server plays lists, events, bookmarks, 410, broken lines and silence."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import pytest

from k8s_pool import KubeUnavailable, Pace, PodView, parse_pod
from k8s_pool.reflector import Reflector
from tests.k8s_pool.stubs import (
    HOME,
    StubReply,
    StubTransport,
    bookmark,
    event,
    page,
    raw_pod,
    refusal_reply,
    watching,
)

EXPIRED = orjson.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})


@dataclass
class Names:
    """A sink that remembers the names of the pods."""

    known: list[str] = field(default_factory=list)

    def replace(self, items: Sequence[PodView]) -> None:
        self.known = [pod.name for pod in items]

    def put(self, item: PodView) -> None:
        self.known = [*(name for name in self.known if name != item.name), item.name]

    def drop(self, item: PodView) -> None:
        self.known.remove(item.name)


@dataclass
class Play:
    """A reflector, its stub server, its sink, and a clock that the test moves."""

    replies: list[StubReply | KubeUnavailable]
    now: float = 100.0

    def __post_init__(self) -> None:
        self.transport = StubTransport(self.replies)
        self.sink = Names()
        self.reflector: Reflector[PodView] = Reflector(
            self.transport,
            "/api/v1/pods",
            lambda raw: parse_pod(raw, home=HOME),
            self.sink,
            clock=lambda: self.now,
            pace=Pace(backoff_first_s=1.0, backoff_longest_s=8.0),
            chance=lambda: 1.0,
        )

    def steps(self, count: int) -> list[float]:
        return [self.reflector.step() for _ in range(count)]

    def asked(self) -> list[str | None]:
        """What each request was: the version a watch resumed from, None for a list."""
        return [dict(request.query).get("resourceVersion") for request in self.transport.requests]


def test_a_list_is_taken_whole_when_its_last_page_has_come() -> None:
    play = Play([page(raw_pod("a"), token="next"), page(raw_pod("b"), version="12")])
    assert play.steps(1) == [0.0]
    assert play.sink.known == ["a", "b"]
    assert [dict(request.query).get("continue") for request in play.transport.requests] == [None, "next"]
    assert all(reply.closed for reply in play.transport.played)


def test_a_list_that_breaks_half_way_leaves_the_old_one() -> None:
    play = Play([page(raw_pod("a"), token="next"), KubeUnavailable("cut")])
    assert play.steps(1) == [1.0]
    assert play.sink.known == []
    assert play.reflector.confirmed_at is None


def test_a_success_that_is_no_list_is_an_outage_and_not_an_empty_cluster() -> None:
    play = Play([page(raw_pod("a")), watching(EXPIRED), StubReply(body=b"{}")])
    play.steps(3)
    assert play.sink.known == ["a"]
    assert isinstance(play.reflector.last_error, KubeUnavailable)


def test_a_version_that_is_gone_after_an_outage_is_listed_anew_at_once() -> None:
    down = KubeUnavailable("down")
    play = Play([page(version="10"), watching(bookmark("11")), down, down, down, watching(EXPIRED), page(raw_pod("b"))])
    assert play.steps(7) == [0.0, 0.0, 1.0, 2.0, 4.0, 1.0, 0.0]
    assert play.sink.known == ["b"]


def test_lists_whose_versions_are_gone_at_once_are_asked_for_ever_less_often() -> None:
    play = Play([page(), watching(EXPIRED), page(), watching(EXPIRED), page(), watching(EXPIRED)])
    assert play.steps(6) == [0.0, 1.0, 0.0, 2.0, 0.0, 4.0]


def test_a_list_whose_continue_token_expires_starts_again() -> None:
    play = Play([page(raw_pod("a"), token="next"), refusal_reply(410, "Expired"), page(raw_pod("b"))])
    play.steps(2)
    assert play.sink.known == ["b"]


def test_events_change_the_sink_and_the_version_to_resume_from() -> None:
    play = Play(
        [
            page(raw_pod("a"), version="10"),
            watching(
                event("ADDED", raw_pod("b", version="11")),
                event("MODIFIED", raw_pod("a", version="12")),
                event("DELETED", raw_pod("b", version="13")),
            ),
            watching(),
        ]
    )
    play.steps(3)
    assert play.sink.known == ["a"]
    assert play.asked() == [None, "10", "13"]


def test_a_bookmark_moves_the_version_and_confirms() -> None:
    play = Play([page(), watching(bookmark("99")), watching()])
    play.steps(1)
    play.now = 160.0
    play.steps(2)
    assert play.reflector.confirmed_at == 160.0
    assert play.asked() == [None, "10", "99"]


@pytest.mark.parametrize("gone", [watching(EXPIRED), refusal_reply(410, "Expired")], ids=["as an event", "as a status"])
def test_gone_lists_again(gone: StubReply) -> None:
    play = Play([page(raw_pod("a"), version="10"), gone, page(raw_pod("b"), version="20"), watching(bookmark("21"))])
    assert play.steps(2) == [0.0, 1.0]
    assert play.sink.known == ["a"]
    play.steps(2)
    assert play.sink.known == ["b"]
    assert play.asked() == [None, "10", None, "20"]


def test_a_broken_line_is_an_outage_and_the_watch_resumes_before_it() -> None:
    play = Play(
        [
            page(),
            watching(event("ADDED", raw_pod("a", version="11")), b'{"type":"ADDED","obj'),
            watching(bookmark("12")),
        ]
    )
    play.steps(2)
    assert isinstance(play.reflector.last_error, KubeUnavailable)
    play.steps(1)
    assert play.sink.known == ["a"]
    assert play.asked() == [None, "10", "11"]
    assert play.reflector.last_error is None


def test_silence_is_an_error_and_confirms_nothing() -> None:
    play = Play([page(), watching(broken=True)])
    play.steps(1)
    play.now = 200.0
    play.steps(1)
    assert play.reflector.confirmed_at == 100.0
    assert play.reflector.last_error is not None


def test_an_object_that_is_not_understood_is_an_outage_and_not_a_crash() -> None:
    play = Play([page({"metadata": {"name": "odd", "namespace": "x"}, "spec": {"containers": [{"name": "a"}, 7]}})])
    play.steps(1)
    assert "odd" in str(play.reflector.last_error)


@pytest.mark.parametrize("odd", [b"[]", b"{}", b'{"type":"NEWS"}', event("ADDED", {}), event("BOOKMARK", {})])
def test_an_odd_event_is_an_outage_and_not_a_crash(odd: bytes) -> None:
    play = Play([page(), watching(odd)])
    play.steps(2)
    assert isinstance(play.reflector.last_error, KubeUnavailable)


def test_waits_double_and_are_bounded() -> None:
    play = Play([KubeUnavailable("down") for _ in range(6)])
    assert play.steps(6) == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_a_sign_of_life_ends_the_doubling() -> None:
    down = KubeUnavailable("down")
    play = Play([page(), down, down, watching(bookmark("11")), down])
    assert play.steps(5) == [0.0, 1.0, 2.0, 0.0, 1.0]


def test_a_server_that_asks_to_wait_is_heard_within_the_bound() -> None:
    busy = [StubReply(status=429, retry_after_s=seconds) for seconds in (5.0, 3600.0)]
    assert Play([*busy]).steps(2) == [5.0, 8.0]


def test_watches_that_end_at_once_are_not_asked_for_in_a_hot_loop() -> None:
    play = Play([page(), watching(), watching(), watching()])
    assert play.steps(4) == [0.0, 1.0, 2.0, 4.0]
    assert play.reflector.last_error is None


def test_every_watch_asks_for_bookmarks_and_waits_longer_than_the_server() -> None:
    play = Play([page(), watching()])
    play.steps(2)
    request = play.transport.requests[-1]
    query = dict(request.query)
    assert query["allowWatchBookmarks"] == "true"
    assert request.read_timeout_s is not None
    assert request.read_timeout_s > int(query["timeoutSeconds"])
