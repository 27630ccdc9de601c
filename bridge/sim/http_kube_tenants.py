"""The Kubernetes API for tenants: ResourceQuotas, evictions, and the lists of what makes pods in their namespaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from bridge.sim.batch import RunningWork
from bridge.sim.errors import ApiRefusal
from bridge.sim.http_kube_objects import Document, requests_document, workload_uid
from bridge.sim.http_words import Answer, Question
from bridge.sim.quotas import Quota, QuotaOrder, write_amount
from bridge.sim.times import write_time
from bridge.sim.world import SimWorld

_IN = r"(?:namespaces/(?P<namespace>[^/]+)/)?"
_QUOTA = re.compile(rf"/api/v1/{_IN}resourcequotas(?:/(?P<name>[^/]+))?")
_EVICTION = re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/pods/(?P<name>[^/]+)/eviction")
_WORKLOADS = re.compile(rf"/apis/(?P<group>apps/v1|batch/v1)/{_IN}(?P<kind>[a-z]+)")
_KINDS = {"replicasets": "ReplicaSet", "statefulsets": "StatefulSet", "deployments": "Deployment", "jobs": "Job"}

_ENDLESS = 1_000_000
"""Completions of a Job that always has more to do."""


class TenantApi:
    """Answers what an API server answers about tenants."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._quotas = world.kube.quotas
        self._acts: Mapping[str, Callable[[str, str, Question], Answer]] = {
            "GET": self._read_quota,
            "POST": self._create_quota,
            "PUT": self._replace_quota,
            "DELETE": self._delete_quota,
        }

    def answer(self, question: Question) -> Answer | None:
        """Answer; None where the path isn't of this part."""
        if found := _QUOTA.fullmatch(question.path):
            return self._on_quota(found["namespace"] or "", found["name"] or "", question)
        if (found := _EVICTION.fullmatch(question.path)) and question.method == "POST":
            with self._world.faults.around("kube.evict"):
                return self._evict(found["namespace"], found["name"], question)
        if (found := _WORKLOADS.fullmatch(question.path)) and question.method == "GET":
            with self._world.faults.around("kube.observe"):
                return self._workloads(found["group"], found["kind"], found["namespace"] or "")
        return None

    # --- Quotas

    def _on_quota(self, namespace: str, name: str, question: Question) -> Answer | None:
        act = self._acts.get(question.method)
        if act is None:
            raise ApiRefusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        with self._world.faults.around("kube.observe" if question.method == "GET" else "kube.quota"):
            return act(namespace, name, question)

    def _read_quota(self, namespace: str, name: str, question: Question) -> Answer:
        if name:
            return self._shown(self._quotas.get(namespace, name))
        wanted = _labels(question.query.get("labelSelector", "")).items()
        listed = (one for one in self._quotas.all.values() if namespace in ("", one.order.namespace))
        items = [self._quota(one) for one in listed if wanted <= one.order.labels.items()]
        return self._list("v1", "ResourceQuota", items)

    def _create_quota(self, namespace: str, _: str, question: Question) -> Answer:
        return self._shown(self._quotas.create(_quota_order(_body(question), namespace)), 201)

    def _replace_quota(self, namespace: str, name: str, question: Question) -> Answer:
        body = _body(question)
        order, meta = _quota_order(body, namespace), body["metadata"]
        if order.name != name:
            text = f"the name of the object ({order.name}) does not match the name on the URL ({name})"
            raise ApiRefusal(400, "BadRequest", text)
        quota = self._quotas.replace(order, uid=meta.get("uid"), version=meta.get("resourceVersion"))
        return self._shown(quota)

    def _delete_quota(self, namespace: str, name: str, question: Question) -> Answer:
        options = orjson.loads(question.body) if question.body else {}
        seen = options.get("preconditions") or {}
        quota = self._quotas.delete(namespace, name, uid=seen.get("uid"), version=seen.get("resourceVersion"))
        return self._shown(quota)

    def _shown(self, quota: Quota, status: int = 200) -> Answer:
        return Answer.of({"kind": "ResourceQuota", "apiVersion": "v1", **self._quota(quota)}, status)

    def _quota(self, quota: Quota) -> Document:
        status: Document = {}
        if quota.bound is not None:
            used = self._quotas.used(quota)
            status = {"hard": quota.bound, "used": {key: write_amount(key, amount) for key, amount in used.items()}}
        order = quota.order
        meta = self._meta(order.namespace, order.name, quota.uid, quota.version, quota.created)
        meta |= {key: words for key, words in (("labels", order.labels), ("annotations", order.annotations)) if words}
        return {"metadata": meta, "spec": {"hard": order.hard}, "status": status}

    # --- Evictions

    def _evict(self, namespace: str, name: str, question: Question) -> Answer:
        options = _body(question).get("deleteOptions") or {}
        uid = (options.get("preconditions") or {}).get("uid")
        self._world.kube.evict(namespace, name, uid=uid, grace_s=options.get("gracePeriodSeconds"))
        return Answer.of({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    # --- Workloads

    def _workloads(self, group: str, kind: str, namespace: str) -> Answer:
        if kind not in _KINDS:
            raise ApiRefusal(404, "NotFound", "the server could not find the requested resource")
        there = (one for one in self._world.works if namespace in ("", one.work.namespace))
        describe = {"replicasets": self._replicaset, "jobs": self._job}.get(kind)
        chosen = [one for one in there if one.work.is_job == (kind == "jobs")]
        return self._list(group, _KINDS[kind], [describe(one) for one in chosen] if describe else [])

    def _replicaset(self, running: RunningWork) -> Document:
        pods, ready = len(running.pods), len(running.ready)
        status: Document = {
            "replicas": pods,
            "fullyLabeledReplicas": pods,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": 1,
        }
        if running.refusal is not None:
            failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": running.refusal}
            status["conditions"] = [failed]
        spec = {"replicas": running.wanted, "selector": _selector(running), "template": _template(running)}
        return {"metadata": self._work_meta(running), "spec": spec, "status": status}

    def _job(self, running: RunningWork) -> Document:
        pods, ready = len(running.pods), len(running.ready)
        spec = {
            "parallelism": running.wanted,
            "completions": _ENDLESS,
            "selector": _selector(running),
            "template": _template(running),
        }
        status = {"active": pods, "ready": ready} | ({"succeeded": running.finished} if running.finished else {})
        return {"metadata": self._work_meta(running), "spec": spec, "status": status}

    def _work_meta(self, running: RunningWork) -> Document:
        work = running.work
        uid = workload_uid(work.namespace, work.name)
        meta = self._meta(work.namespace, work.name, uid, self._world.kube.version, running.created)
        return {**meta, "generation": 1, "labels": {"app": work.name}}

    def _meta(self, namespace: str, name: str, uid: str, version: int, created: int) -> Document:
        return {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(version),
            "creationTimestamp": write_time(self._world.clock.at(created)),
        }

    def _list(self, group: str, kind: str, items: Iterable[Document]) -> Answer:
        meta = {"resourceVersion": str(self._world.kube.version)}
        return Answer.of({"kind": f"{kind}List", "apiVersion": group, "metadata": meta, "items": list(items)})


def _body(question: Question) -> dict[str, Any]:
    body = question.json()
    if not isinstance(body, dict):
        raise ApiRefusal(400, "BadRequest", "an object was expected")
    return body


def _quota_order(body: Mapping[str, Any], namespace: str) -> QuotaOrder:
    meta, hard = body["metadata"], (body.get("spec") or {}).get("hard") or {}
    return QuotaOrder(
        namespace=namespace,
        name=str(meta["name"]),
        hard={str(key): str(text) for key, text in hard.items()},
        labels=meta.get("labels") or {},
        annotations=meta.get("annotations") or {},
    )


def _labels(selector: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in selector.split(",") if pair)
    return {key.strip(): text.lstrip("=").strip() for key, _, text in pairs}


def _selector(running: RunningWork) -> Document:
    return {"matchLabels": {"app": running.work.name}}


def _template(running: RunningWork) -> Document:
    requests = requests_document(running.work.request)
    container = {"name": "main", "image": "registry.example/main:1", "resources": {"requests": requests}}
    spec = {"containers": [container], "restartPolicy": "Never" if running.work.is_job else "Always"}
    return {"metadata": {"labels": {"app": running.work.name}}, "spec": spec}
