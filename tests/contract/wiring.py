"""The real adapters and clients, put together as the product puts them together, from settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from bridge.app import App, running
from bridge.controller.pool import Pool
from bridge.ports import Clock
from bridge.settings import parse
from bridge.store import upgrade
from tests.contract.worlds import LABEL, POOL, SHAPE

SETTLE_S = 8.0
VCORES_PER_CORE = SHAPE.yarn.vcores * 5.0


@contextmanager
def connected(
    folder: Path,
    *,
    rm: str,
    kubeconfig: Path,
    template: Path,
    clock: Clock | None = None,
    decommission: Mapping[str, object] | None = None,
) -> Iterator[Pool]:
    """Connect one pool to a ResourceManager and an API server; each look at Kubernetes reads its lists."""
    way = {} if decommission is None else {"decommission": dict(decommission)}
    with opened(folder, rm=rm, kubeconfig=kubeconfig, template=template, clock=clock, cluster=way) as app:
        (pool,) = app.pools
        assert pool.policy.shape == SHAPE
        yield pool


@contextmanager
def opened(
    folder: Path,
    *,
    rm: str,
    kubeconfig: Path,
    template: Path,
    clock: Clock | None = None,
    sections: Mapping[str, object] = MappingProxyType({}),
    cluster: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[App]:
    """Build what the settings of one pool, and *sections* and the *cluster*'s keys besides, say."""
    vcores, memory_mib = SHAPE.yarn.vcores, SHAPE.yarn.memory_mib
    pool = {
        "cluster": "main",
        "placement": {"kind": "spill", "label": LABEL},
        "lenders": {"node_selector": {"lend": "true"}},
        "shape": {
            "vcores": vcores,
            "memory_mib": memory_mib,
            "overhead_millicores": 50,
            "overhead_mib": SHAPE.pod.memory_mib - memory_mib,
        },
        "pod_template": str(template),
    }
    main = {"resourcemanagers": [rm], "vcores_per_core": VCORES_PER_CORE, "settle_s": SETTLE_S, **cluster}
    url = f"sqlite:///{folder / 'contract.db'}"
    values = {
        "store": {"url": url},
        "yarn": {"clusters": {"main": main}},
        "kubernetes": {"kubeconfig": str(kubeconfig)},
        "pools": {POOL: pool},
        **sections,
    }
    upgrade(url)
    with running(parse(values, file=folder / "tidebridge.yaml"), follow=False, clock=clock) as app:
        yield app
