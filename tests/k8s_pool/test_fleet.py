"""Running sums against sums from scratch."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from k8s_pool import (
    ZERO,
    FleetState,
    FleetView,
    Freshness,
    Identity,
    KubeAmount,
    NamespaceLoad,
    NodeLoad,
    PodPhase,
    PodView,
)

FRESH = Freshness(synced_at=datetime(2026, 1, 1, tzinfo=UTC))

amounts = st.just(ZERO) | st.builds(
    KubeAmount,
    cpu_millicores=st.integers(0, 9),
    memory_mib=st.integers(0, 9),
    ephemeral_mib=st.integers(0, 2),
    extended=st.sampled_from([{}, {"nvidia.com/gpu": 1}, {"nvidia.com/gpu": 2, "example.com/x": 1}]),
)
pods = st.builds(
    PodView,
    name=st.sampled_from("abcd"),
    namespace=st.sampled_from(["shop", "etl"]),
    node=st.sampled_from([None, "node-1", "node-2"]),
    phase=st.sampled_from(PodPhase),
    requests=amounts,
    identity=st.sampled_from(Identity),
)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("put"), pods),
        st.tuples(st.just("drop"), pods),
        st.tuples(st.just("replace"), st.lists(pods, max_size=4)),
    ),
    max_size=40,
)


def from_scratch(known: dict[tuple[str, str], PodView]) -> tuple[dict[str, NodeLoad], dict[str, NamespaceLoad]]:
    """Sum up all pods in one pass, the slow and obvious way."""
    nodes: dict[str, NodeLoad] = {}
    namespaces: dict[str, NamespaceLoad] = {}
    alive = [pod for pod in known.values() if not pod.phase.is_terminal]
    for name in {pod.node for pod in alive if pod.node}:
        there = [pod for pod in alive if pod.node == name]
        online = [pod for pod in there if not pod.is_elastic]
        by_namespace = {
            ns: total([pod for pod in online if pod.namespace == ns]) for ns in {pod.namespace for pod in online}
        }
        nodes[name] = NodeLoad(
            pods=len(there),
            online=total(online),
            elastic=total([pod for pod in there if pod.is_elastic]),
            online_by_namespace={ns: sum_ for ns, sum_ in by_namespace.items() if sum_ != ZERO},
        )
    for ns in {pod.namespace for pod in alive if not pod.is_elastic}:
        there = [pod for pod in alive if pod.namespace == ns and not pod.is_elastic]
        load = NamespaceLoad(
            bound=total([pod for pod in there if pod.node]), pending=total([pod for pod in there if not pod.node])
        )
        if load != NamespaceLoad():
            namespaces[ns] = load
    return nodes, namespaces


def total(some: list[PodView]) -> KubeAmount:
    return sum((pod.requests for pod in some), ZERO)


def without_zeros(loads: dict[str, NodeLoad]) -> dict[str, NodeLoad]:
    """Leave out namespaces that ask for nothing: whether they are listed is no claim."""
    return {
        name: replace(load, online_by_namespace={k: v for k, v in load.online_by_namespace.items() if v != ZERO})
        for name, load in loads.items()
    }


def view_after(*events: tuple[str, object]) -> tuple[FleetView, dict[tuple[str, str], PodView]]:
    state, known = FleetState(), dict[tuple[str, str], PodView]()
    for kind, what in events:
        if kind == "replace":
            assert isinstance(what, list)
            state.replace_pods(what)
            known = {pod.key: pod for pod in what}
        elif kind == "put":
            assert isinstance(what, PodView)
            state.put_pod(what)
            known[what.key] = what
        else:
            assert isinstance(what, PodView)
            state.drop_pod(what)
            known.pop(what.key, None)
    return state.view(FRESH), known


@given(changes)
def test_running_sums_equal_sums_from_scratch_after_any_events(events: list[tuple[str, object]]) -> None:
    view, known = view_after(*events)
    nodes, namespaces = from_scratch(known)
    assert without_zeros(dict(view.load_by_node)) == nodes
    assert {ns: load for ns, load in view.load_by_namespace.items() if load != NamespaceLoad()} == namespaces


@given(changes)
def test_indexes_equal_a_search_through_all_pods(events: list[tuple[str, object]]) -> None:
    view, known = view_after(*events)
    kept = {key: pod for key, pod in known.items() if not pod.phase.is_terminal or pod.identity is not Identity.NONE}
    pending = [pod for pod in kept.values() if pod.node is None and not pod.is_elastic and not pod.phase.is_terminal]
    assert dict(view.pods) == kept
    assert set(view.elastic) == {pod for pod in kept.values() if pod.identity is Identity.OURS}
    assert set(view.impostors) == {pod for pod in kept.values() if pod.identity is Identity.IMPOSTOR}
    assert set(view.pending) == set(pending)
    assert view.pending_requests == total(pending)


def test_a_view_stays_as_it_was_when_the_state_goes_on() -> None:
    state = FleetState()
    pod = PodView(name="a", namespace="shop", node="node-1", requests=KubeAmount(cpu_millicores=5))
    state.put_pod(pod)
    before = state.view(FRESH)
    state.drop_pod(pod)
    assert dict(before.pods) == {("shop", "a"): pod}
    assert before.load_by_node["node-1"].online == KubeAmount(cpu_millicores=5)
    assert dict(state.view(FRESH).load_by_node) == {}
