"""What the tests against a real API server share: objects made or replaced, and a service account's own connection."""

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from k8s_pool import AlreadyExists, KubeApi, Request, connect
from k8s_pool.replies import call

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def put(admin: KubeApi, path: str, body: dict[str, Any]) -> None:
    """Make the object, or replace the one of its name."""
    try:
        call(admin, Request(method="POST", path=path, body=body))
    except AlreadyExists:
        call(admin, Request(method="PUT", path=f"{path}/{body['metadata']['name']}", body=body))


def connect_as(admin: KubeApi, namespace: str, account: str, folder: Path) -> KubeApi:
    """Return the API server as the service account sees it; *folder* is for its configuration."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = call(admin, Request(method="POST", path=path, body={"spec": {"expirationSeconds": 3600}}))
    kubeconfig = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text(encoding="utf-8"))
    kubeconfig["users"][0]["user"] = {"token": answer["status"]["token"]}
    cluster = kubeconfig["clusters"][0]["cluster"]
    if "certificate-authority" in cluster:
        raw = (Path(os.environ["KUBECONFIG"]).parent / cluster.pop("certificate-authority")).read_bytes()
        cluster["certificate-authority-data"] = base64.b64encode(raw).decode()
    written = folder / "kubeconfig"
    written.write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
    return connect(kubeconfig=written)
