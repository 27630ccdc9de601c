"""The lab with tenants: namespaces with the smallest rights that suffice, and ReplicaSets in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

from bridge import packaged
from bridge.core.resources import Room
from bridge.core.tenants.writes import Settings
from bridge.ports import Denied, Namespaces, Queues
from k8s_pool import KubeApi, Request, connect
from k8s_pool.replies import call, call_unless
from tests.contract.lab import MARK, Lab, environment
from tests.contract.tenants.stage import SECTIONS, Enforcers, built_from
from tests.contract.wiring import opened
from tests.contract.worlds import World, wait_until
from tests.k8s_pool.lab import RBAC, put
from yarn_client import YarnClient

_NAMESPACES = "/api/v1/namespaces"
_LABELS = {"app": MARK}


class LabStage:
    """The lab, with namespaces of this suite's own."""

    def __init__(
        self, world: World, queues: Queues, namespaces: Namespaces, enforcers: Enforcers, admin: KubeApi
    ) -> None:
        self.world = world
        self.queues = queues
        self.namespaces = namespaces
        self.enforcers: Enforcers | None = enforcers
        self._admin = admin
        self._made = 0
        self._role, self._binding = yaml.safe_load_all(packaged.path("config/rbac-tenants.yaml").read_text())
        self._role["metadata"]["name"] = self._binding["roleRef"]["name"] = MARK

    # --- Namespaces

    def new_namespace(self) -> str:
        self._made += 1
        name = f"{MARK}-{self._made}"
        self._post(_NAMESPACES, {"metadata": {"name": name, "labels": _LABELS}})
        binding = {**self._binding, "metadata": {"name": MARK, "namespace": name}}
        put(self._admin, f"{RBAC}/namespaces/{name}/rolebindings", binding)
        wait_until(self.world, lambda: self._is_allowed(name))
        return name

    def _is_allowed(self, namespace: str) -> bool:
        """Say whether the API server has heard of the rights, which takes it a moment."""
        try:
            self.namespaces.observe([namespace])
        except Denied:
            return False
        return True

    def open(self) -> None:
        """Take away what an interrupted run has left, and give the product its rights."""
        self.clean()
        put(self._admin, f"{RBAC}/clusterroles", self._role)

    def clean(self) -> None:
        """Leave nothing of this suite."""
        for name in self._names():
            call_unless(self._admin, Request(method="DELETE", path=f"{_NAMESPACES}/{name}"), (404, 409))
        call_unless(self._admin, Request(method="DELETE", path=f"{RBAC}/clusterroles/{MARK}"), (404,))
        wait_until(self.world, lambda: not self._names())

    def _names(self) -> list[str]:
        request = Request(method="GET", path=_NAMESPACES, query=(("labelSelector", f"app={MARK}"),))
        return [found["metadata"]["name"] for found in call(self._admin, request)["items"]]

    # --- What is in them

    def want_pods(self, namespace: str, name: str, count: int, each: Room, *, keep: int = 0) -> None:
        if keep:
            budget = {"metadata": {"name": name}, "spec": {"minAvailable": keep, "selector": _selector(name)}}
            self._post(f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets", budget)
        spec = {"replicas": count, "selector": _selector(name), "template": _template(name, each)}
        self._post(f"/apis/apps/v1/namespaces/{namespace}/replicasets", {"metadata": {"name": name}, "spec": spec})

    def set_quota(self, namespace: str, name: str, hard: Settings) -> None:
        path = f"{_NAMESPACES}/{namespace}/resourcequotas"
        body = {"spec": {"hard": dict(hard)}}
        patch = Request(method="PATCH", path=f"{path}/{name}", body=body, content_type="application/merge-patch+json")
        if call_unless(self._admin, patch, (404,)) is None:
            self._post(path, {"metadata": {"name": name}, **body})
        wait_until(self.world, lambda: self._is_in_force(f"{path}/{name}"))

    def _is_in_force(self, path: str) -> bool:
        quota = call(self._admin, Request(method="GET", path=path))
        return bool(quota["status"].get("hard") == quota["spec"]["hard"] and quota["status"].get("used"))

    def _post(self, path: str, body: dict[str, Any]) -> None:
        call(self._admin, Request(method="POST", path=path, body=body))


def _selector(name: str) -> dict[str, Any]:
    return {"matchLabels": {"app": name}}


def _template(name: str, each: Room) -> dict[str, Any]:
    amounts = {"cpu": f"{each.cpu_millicores}m", "memory": f"{each.memory_mib}Mi"}
    requests = {key: text for key, text in amounts.items() if text not in ("0m", "0Mi")}
    container = {"name": "batch", "image": "tidebridge-lab/pause:1", "imagePullPolicy": "Never"}
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "containers": [{**container, "resources": {"requests": requests}}],
        },
    }


@contextmanager
def in_lab(folder: Path) -> Iterator[LabStage]:
    """Connect the product to the lab's systems; leave both as they were found."""
    rm = environment("TIDEBRIDGE_LAB_RM")
    kubeconfig, template = (
        Path(environment(name)) for name in ("TIDEBRIDGE_LAB_KUBECONFIG", "TIDEBRIDGE_LAB_POD_TEMPLATE")
    )
    with ExitStack() as stack:
        admin = stack.enter_context(closing(connect(kubeconfig=Path(environment("KUBECONFIG")))))
        administrator = stack.enter_context(YarnClient([rm], user="root"))
        app = stack.enter_context(opened(folder, rm=rm, kubeconfig=kubeconfig, template=template, sections=SECTIONS))
        queues, namespaces, *both = built_from(app)
        world = Lab(app.pools[0].yarn, app.pools[0].kube, admin, folder)
        enforcers = Enforcers(queues=both[0], quotas=both[1], administrator=administrator)
        stage = LabStage(world, queues, namespaces, enforcers, admin)
        world.clean()
        stage.open()
        try:
            yield stage
        finally:
            stage.clean()
            world.clean()
