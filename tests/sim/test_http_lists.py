"""Lists in pages: what a page continues is its own list, whatever else is being listed."""

import requests

from bridge.sim import SimConfig, SimWorld, serve
from bridge.sim.pods import PodOrder
from tests.sim.build import POD_SIZE


def test_two_lists_that_begin_at_one_version_continue_apart() -> None:
    world = SimWorld(SimConfig(lenders=3))
    for number in range(3):
        world.kube.create(PodOrder(name=f"web-{number}", namespace="default", requests=POD_SIZE))
    with serve(world) as served:
        begun = {kind: _page(served.kube_url, kind) for kind in ("nodes", "pods")}
        found = {kind: _names(first) + _rest(served.kube_url, kind, first) for kind, first in begun.items()}
    assert found == {"nodes": ["lender-1", "lender-2", "lender-3"], "pods": ["web-0", "web-1", "web-2"]}


def _page(url: str, kind: str, token: str = "") -> dict[str, dict[str, str]]:
    reply = requests.get(f"{url}/api/v1/{kind}", params={"limit": "1", "continue": token}, timeout=5)
    page: dict[str, dict[str, str]] = reply.json()
    return page


def _names(page: dict[str, dict[str, str]]) -> list[str]:
    items: list[dict[str, dict[str, str]]] = page["items"]  # type: ignore[assignment]
    return [item["metadata"]["name"] for item in items]


def _rest(url: str, kind: str, page: dict[str, dict[str, str]]) -> list[str]:
    found = []
    while token := page["metadata"].get("continue"):
        page = _page(url, kind, token)
        found += _names(page)
    return found
