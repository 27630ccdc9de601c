"""Pages and events that a Kubernetes 1.34 API server sent (managedFields and images taken out)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from k8s_pool import KubeAmount, PodPhase, PodView, parse_node, parse_pod, read_fleet
from k8s_pool.reflector import Reflector
from tests.k8s_pool.stubs import HOME, StubReply, StubTransport, page

REPLIES = Path("tests/k8s_pool/replies")


def recorded(name: str) -> StubReply:
    return StubReply(body=(REPLIES / name).read_bytes())


@dataclass
class History:
    """A sink that remembers every state of the pod, None for its end."""

    states: list[PodView | None] = field(default_factory=list)

    def replace(self, items: Sequence[PodView]) -> None:
        self.states = list(items)

    def put(self, item: PodView) -> None:
        self.states.append(item)

    def drop(self, item: PodView) -> None:
        self.states.append(None)


def test_real_pages_are_read_and_summed() -> None:
    transport = StubTransport([page(), recorded("pods-page-1-1.34.json"), recorded("pods-page-2-1.34.json")])
    view = read_fleet(transport, namespace=HOME)
    assert {pod.name: pod.requests for pod in view.pods.values()} == {
        "online-1": KubeAmount(cpu_millicores=150, memory_mib=48),
        "online-2": KubeAmount(cpu_millicores=110, memory_mib=40),
    }
    assert view.load_by_node["node-2"].online == KubeAmount(cpu_millicores=110, memory_mib=40)
    assert all(pod.is_ready for pod in view.pods.values())


def test_a_real_node_is_read() -> None:
    (raw,) = orjson.loads((REPLIES / "nodes-page-1.34.json").read_bytes())["items"]
    node = parse_node(raw)
    assert (node.name, node.is_ready, node.pressures, node.pod_slots) == ("node-1", True, frozenset(), 110)
    assert node.allocatable == KubeAmount(cpu_millicores=2000, memory_mib=24005, ephemeral_mib=255439)


def test_a_real_pods_life_is_followed_from_creation_to_end() -> None:
    lines = (REPLIES / "pod-watch-1.34.jsonl").read_bytes().splitlines()
    history = History()
    reflector: Reflector[PodView] = Reflector(
        StubTransport([page(), StubReply(events=lines)]),
        "/api/v1/pods",
        lambda raw: parse_pod(raw, home=HOME),
        history,
        clock=lambda: 0.0,
    )
    reflector.step()
    reflector.step()
    assert reflector.last_error is None
    assert history.states[-1] is None
    pods = [state for state in history.states if state is not None]
    assert all(pod.is_elastic and pod.deadline_at is not None for pod in pods)
    assert [pods[0].node, pods[1].node] == [None, "node-1"]
    assert "ErrImageNeverPull" in {pod.waiting_reason for pod in pods}
    assert [pods[0].deleting_since is None, pods[-1].deleting_since is None] == [True, False]
    assert [pods[0].phase, pods[-1].phase] == [PodPhase.PENDING, PodPhase.FAILED]
