"""A transport that answers from recorded replies or from a script, and remembers what was asked."""

import json
from pathlib import Path

import orjson

from yarn_client import NoReply, Reply, Request, Timeouts, YarnClient

RM1, RM2 = "http://rm1:8088", "http://rm2:8088"
REPLIES = Path(__file__).parent / "replies"
VERSIONS = ("3.3.6", "3.4.2", "3.5.0")

Answer = Reply | NoReply
REFUSED = NoReply(why="no connection", may_have_arrived=False)
LOST = NoReply(why="no answer in time", may_have_arrived=True)


def recorded(version: str, name: str) -> Reply:
    """Give a recorded reply as it came."""
    kept = json.loads((REPLIES / version / f"{name}.json").read_text())
    body = json.dumps(kept["json"]) if "json" in kept else kept["text"]
    return Reply(status=kept["status"], body=body.encode(), location=kept.get("location", ""))


def says(document: object, status: int = 200) -> Reply:
    return Reply(status=status, body=orjson.dumps(document))


def info(ha_state: str = "ACTIVE", *, started_ms: int = 1_795_370_465_000, version: str = "3.4.2") -> Reply:
    fields = {"startedOn": started_ms, "haState": ha_state, "resourceManagerVersion": version}
    return says({"clusterInfo": fields})


class StubTransport:
    """Answers by address and path; what isn't scripted can't be reached."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Request]] = []
        self.is_closed = False
        self._answers: dict[tuple[str, str], list[Answer]] = {}

    def on(self, address: str, path: str, *answers: Answer) -> "StubTransport":
        """Answer *path* with these one after the other, and with the last one from then on."""
        self._answers[address, path] = list(answers)
        return self

    def send(self, address: str, request: Request, timeouts: Timeouts) -> Answer:
        self.sent.append((address, request))
        answers = self._answers.get((address, request.path), [REFUSED])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def close(self) -> None:
        self.is_closed = True

    @property
    def asked(self) -> list[str]:
        """What was asked of whom, as "rm1 GET /path"."""
        return [
            f"{address[7:10]} {request.method} {request.path.removeprefix('/ws/v1/cluster')}"
            for address, request in self.sent
        ]

    @property
    def changes(self) -> list[Request]:
        return [request for _, request in self.sent if request.is_change]


def client_of(**reply_by_path: Reply) -> tuple[YarnClient, StubTransport]:
    """Give a client of one active RM that answers these paths below /ws/v1/cluster ("nodes" for /nodes)."""
    stub = StubTransport().on(RM1, "/ws/v1/cluster/info", info())
    for path, reply in reply_by_path.items():
        stub.on(RM1, f"/ws/v1/cluster/{path}", reply)
    return YarnClient([RM1], transport=stub), stub
