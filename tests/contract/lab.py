"""The lab's systems: a ResourceManager and an API server that were made by neither this project nor its tests.

The ports are the product's, with the product's rights; the stage hands are an administrator's. Work is MapReduce.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from bridge.adapters.clock import SystemClock
from bridge.core.resources import Room
from bridge.core.snapshot import ElasticPod
from bridge.ports import Clock, Kube, Yarn
from k8s_pool import AlreadyExists, KubeApi, Request, connect
from k8s_pool.replies import call, call_unless
from tests.contract.wiring import connected
from tests.contract.worlds import AM, LABEL, POOL, QUEUE, REASON

_NAMESPACE = "tidebridge"
_ONLINE = "default"
MARK = "tidebridge-contract"
"""Of everything that is the suite's in the lab and not in the product's namespace."""
_REST_TIMEOUT_S = 10.0
_POD = "/api/v1/namespaces/{}/pods"


class LabMissing(Exception):
    """There is no lab to run in; the message says the remedy."""


class Lab:
    """The lab, entered."""

    def __init__(self, yarn: Yarn, kube: Kube, admin: KubeApi, folder: Path) -> None:
        self.yarn = yarn
        self.kube = kube
        self.clock: Clock = SystemClock()
        self.admin = admin
        self._folder = folder
        self._rm = environment("TIDEBRIDGE_LAB_RM")
        self._shared = Path(environment("TIDEBRIDGE_LAB_DFS")) / MARK
        self._clients: list[subprocess.Popen[bytes]] = []
        self._restarts: list[subprocess.Popen[bytes]] = []
        self._cordoned: set[str] = set()
        self._jobs = 0

    def pass_time(self, seconds: float) -> None:
        time.sleep(seconds)

    # --- Work

    def run_work(self, containers: int, seconds: int, memory_mib: int, queue: str = QUEUE) -> None:
        """Submit a map-only streaming job, as any user would; the shared folder stands for HDFS."""
        self._jobs += 1
        folder = self._shared / str(self._jobs)
        folder.mkdir(parents=True)
        (folder / "input").write_text("".join(f"{number}\n" for number in range(containers)), encoding="utf-8")
        settings = {
            "mapreduce.job.name": f"{MARK}-work",
            "mapreduce.job.queuename": queue,
            "mapreduce.job.reduces": 0,
            "mapreduce.map.speculative": "false",
            "mapreduce.map.memory.mb": memory_mib,
            "mapreduce.task.timeout": 0,
            "yarn.app.mapreduce.am.resource.mb": AM.memory_mib,
        }
        submitted = self._start(
            *_java("org.apache.hadoop.streaming.HadoopStreaming"),
            *(word for name, value in settings.items() for word in ("-D", f"{name}={value}")),
            *("-inputformat", "org.apache.hadoop.mapred.lib.NLineInputFormat"),
            *("-input", str(folder / "input"), "-output", str(folder / "output")),
            *("-mapper", f"bash -c 'cat >/dev/null; sleep {seconds}'"),
        )
        self._clients.append(submitted)

    def ask_for_am(self, queue: str = QUEUE) -> None:
        """Submit an application over REST; nobody ever sees its AM run."""
        made = self._rest("POST", "/ws/v1/cluster/apps/new-application")
        body = {
            "application-id": made["application-id"],
            "application-name": f"{MARK}-am",
            "application-type": "CONTRACT",
            "queue": queue,
            "am-container-spec": {"commands": {"command": "sleep 60"}},
            "resource": {"memory": AM.memory_mib, "vCores": AM.vcores},
            "max-app-attempts": 1,
        }
        self._rest("POST", "/ws/v1/cluster/apps", body)

    def restart_rm(self) -> None:
        service = Path(__file__).parents[2] / "lab" / "service"
        self._restarts.append(self._start("bash", "-c", '"$0" rm kill; "$0" rm start', str(service)))

    def kill_nodemanager(self, pod: ElasticPod) -> None:
        """Send SIGKILL to the pod's Java process that says its address; another lab may use the same one."""
        word = f"yarn.nodemanager.hostname={pod.ip}".encode()
        (pid,) = (pid for pid in _processes() if _says(pid, word) and _is_in(pid, pod.uid))
        os.kill(pid, signal.SIGKILL)

    # --- Pods and nodes

    def set_online(self, *requests: Room) -> None:
        self._delete_marked()
        for number, room in enumerate(requests):
            self._post(_POD.format(_ONLINE), _online_pod(f"{MARK}-{number}", room))

    def copy_by_hand(self, pod: str, name: str) -> None:
        found = self._call("GET", f"{_POD.format(_NAMESPACE)}/{pod}")
        meta = {"name": name, "labels": found["metadata"]["labels"], "annotations": found["metadata"]["annotations"]}
        spec = {key: value for key, value in found["spec"].items() if key not in {"nodeName", "priority"}}
        self._post(_POD.format(_NAMESPACE), {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})

    def delete_by_hand(self, pod: str) -> None:
        self._delete(_NAMESPACE, pod)

    def cordon(self, node: str, is_cordoned: bool) -> None:
        self._cordoned.add(node)
        path = f"/api/v1/nodes/{node}"
        patch = {"spec": {"unschedulable": is_cordoned or None}}
        call(self.admin, Request(method="PATCH", path=path, body=patch, content_type="application/merge-patch+json"))

    def told(self) -> Collection[tuple[str, str]]:
        said = (event for event in self._events() if event["involvedObject"]["kind"] == "Namespace")
        return [(event["reason"], event["message"]) for event in said]

    # --- Cleaning

    def clean(self) -> None:
        for restart in self._restarts:
            restart.wait()
        for node in self._cordoned:
            self.cordon(node, False)
        self._end_work()
        self._delete_marked()
        self._forget_words()
        for pod in self._pods(_NAMESPACE, f"tidebridge.dev/pool={POOL}"):
            self._delete(_NAMESPACE, pod)
        for host in [host for host, label in self.yarn.observe().label_by_host.items() if label == LABEL]:
            self.yarn.map_label(host, None)
        if LABEL in self.yarn.observe().labels:
            self._rest("POST", f"/ws/v1/cluster/remove-node-labels?labels={LABEL}")

    def _end_work(self) -> None:
        for app in self._apps():
            self._rest("PUT", f"/ws/v1/cluster/apps/{app}/state", {"state": "KILLED"})
        for client in self._clients:
            client.terminate()
            client.wait()
        shutil.rmtree(self._shared, ignore_errors=True)

    def _forget_words(self) -> None:
        for event in self._events():
            if event["source"].get("component") == "tidebridge" and event["reason"] == REASON:
                path = f"/api/v1/namespaces/{_NAMESPACE}/events/{event['metadata']['name']}"
                call_unless(self.admin, Request(method="DELETE", path=path), (404,))

    def _events(self) -> list[dict[str, Any]]:
        return list(self._call("GET", f"/api/v1/namespaces/{_NAMESPACE}/events")["items"])

    def _apps(self) -> list[str]:
        listed = self._rest("GET", "/ws/v1/cluster/apps?states=NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING")["apps"]
        return [app["id"] for app in listed.get("app", ()) if app["name"].startswith(MARK)]

    def _delete_marked(self) -> None:
        for pod in self._pods(_ONLINE, f"app={MARK}"):
            self._delete(_ONLINE, pod)

    # --- Calls

    def _pods(self, namespace: str, selector: str) -> list[str]:
        request = Request(method="GET", path=_POD.format(namespace), query=(("labelSelector", selector),))
        return [pod["metadata"]["name"] for pod in call(self.admin, request)["items"]]

    def _delete(self, namespace: str, pod: str) -> None:
        path = f"{_POD.format(namespace)}/{pod}"
        call_unless(self.admin, Request(method="DELETE", path=path, body={"gracePeriodSeconds": 0}), (404,))
        while call_unless(self.admin, Request(method="GET", path=path), (404,)) is not None:
            self.pass_time(0.1)

    def _post(self, path: str, body: dict[str, Any]) -> None:
        with suppress(AlreadyExists):
            call(self.admin, Request(method="POST", path=path, body=body))

    def _call(self, method: str, path: str) -> dict[str, Any]:
        return call(self.admin, Request(method=method, path=path))

    def _rest(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        reply = requests.request(
            method, f"{self._rm}{path}", json=body, params={"user.name": "root"}, timeout=_REST_TIMEOUT_S
        )
        reply.raise_for_status()
        return dict(reply.json()) if reply.content else {}

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / "started.log").open("ab") as log:
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def _java(name: str) -> tuple[str, ...]:
    home, hadoop, conf = map(environment, ("JAVA_HOME", "HADOOP_HOME", "HADOOP_CONF_DIR"))
    options = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
    opens = "--add-opens=java.base/java.lang=ALL-UNNAMED"
    return (
        f"{home}/bin/java",
        *options,
        opens,
        f"-Djava.io.tmpdir={hadoop}/tmp",
        "-cp",
        f"{conf}:{hadoop}/lib/*",
        name,
    )


def _online_pod(name: str, room: Room) -> dict[str, Any]:
    requests = {"cpu": f"{room.cpu_millicores}m", "memory": f"{room.memory_mib}Mi"}
    image = {"image": "tidebridge-lab/pause:1", "imagePullPolicy": "Never"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": MARK}},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "online", **image, "resources": {"requests": requests}}],
        },
    }


def _processes() -> Iterator[int]:
    yield from (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _says(pid: int, word: bytes) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[0].endswith(b"java") and word in words


def environment(name: str) -> str:
    """Return a variable that `lab/enter` sets."""
    if name not in os.environ:
        raise LabMissing(f"{name} isn't set: bring the lab up (make lab-up) and enter it (lab/enter), or run make e2e")
    return os.environ[name]


def _is_in(pid: int, uid: str) -> bool:
    """Say whether a process is in a cgroup of the pod."""
    try:
        return f"pod{uid}" in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").replace("_", "-")
    except OSError:
        return False


@contextmanager
def connected_to_lab(folder: Path) -> Iterator[Lab]:
    """Connect the product to the lab's systems; fail where there is no lab."""
    rm = environment("TIDEBRIDGE_LAB_RM")
    kubeconfig, template = (
        Path(environment(name)) for name in ("TIDEBRIDGE_LAB_KUBECONFIG", "TIDEBRIDGE_LAB_POD_TEMPLATE")
    )
    with ExitStack() as stack:
        admin = stack.enter_context(closing(connect(kubeconfig=Path(environment("KUBECONFIG")))))
        way = {
            "exclude_file": environment("TIDEBRIDGE_LAB_EXCLUDE"),
            "admin_addresses": [f"{urlsplit(rm).hostname}:8033"],
        }
        pool = stack.enter_context(connected(folder, rm=rm, kubeconfig=kubeconfig, template=template, decommission=way))
        yield Lab(pool.yarn, pool.kube, admin, folder)
