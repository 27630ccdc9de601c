from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k8s_pool import (
    ContainerSize,
    Identity,
    KubeAmount,
    PodOrder,
    PodTemplate,
    TemplateError,
    Toleration,
    load,
    parse_pod,
    render,
)
from k8s_pool.template import check
from tests.k8s_pool.stubs import HOME

DEFAULT = Path("config/nodemanager-pod.yaml")
DEADLINE = datetime(2026, 1, 2, 6, 30, tzinfo=UTC)


def body(**spec: Any) -> dict[str, Any]:
    containers = [{"name": "nodemanager", "image": "nm:1"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"restartPolicy": "Never", "containers": containers} | spec,
    }


def container(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "nodemanager", "image": "nm:1"} | more]}


def size(**changes: int) -> ContainerSize:
    return ContainerSize(**({"cpu_request_millicores": 8000, "memory_request_mib": 17408} | changes))


def order(**changes: Any) -> PodOrder:
    legal: dict[str, Any] = {
        "pool": "night",
        "promise": "p1",
        "node": "node-7",
        "vcores": 8,
        "nm_memory_mib": 16384,
        "size": size(),
        "node_label": "k8s",
        "deadline_at": DEADLINE,
        "active_deadline_s": 3600,
    }
    return PodOrder(**(legal | changes))


def template(**spec: Any) -> PodTemplate:
    return check(body(**spec), Path("t.yaml"))


def nodemanager(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = (c for c in pod["spec"]["containers"] if c["name"] == "nodemanager")
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("what", "key"),
    [
        pytest.param(None, "(document)", id="an empty file"),
        pytest.param([], "(document)", id="a list"),
        pytest.param(body() | {"kind": "Deployment"}, "kind", id="another kind"),
        pytest.param({"apiVersion": "v1", "kind": "Pod"}, "spec", id="no spec"),
        pytest.param(body() | {"metadata": {"name": "x"}}, "metadata.name", id="a name"),
        pytest.param(body() | {"metadata": {"namespace": "x"}}, "metadata.namespace", id="a namespace"),
        pytest.param(
            body() | {"metadata": {"labels": {"tidebridge.dev/pool": "x"}}},
            "metadata.labels.tidebridge.dev/pool",
            id="one of our labels",
        ),
        pytest.param(body(hostNetwork=True), "spec.hostNetwork", id="the host's network"),
        pytest.param(body(nodeName="node-1"), "spec.nodeName", id="a node"),
        pytest.param(body(nodeSelector={"a": "b"}), "spec.nodeSelector", id="a node selector"),
        pytest.param(body(affinity={"nodeAffinity": {}}), "spec.affinity.nodeAffinity", id="a node affinity"),
        pytest.param(body(priorityClassName="x"), "spec.priorityClassName", id="a priority"),
        pytest.param(body(activeDeadlineSeconds=5), "spec.activeDeadlineSeconds", id="a deadline"),
        pytest.param(body(restartPolicy="Always"), "spec.restartPolicy", id="restarts"),
        pytest.param(body(terminationGracePeriodSeconds=30), "spec.terminationGracePeriodSeconds", id="a long grace"),
        pytest.param(
            body(terminationGracePeriodSeconds="10"), "spec.terminationGracePeriodSeconds", id="grace as text"
        ),
        pytest.param(body(containers=None), "spec.containers", id="no containers"),
        pytest.param(body(containers=[{"name": "main"}]), "spec.containers", id="no container nodemanager"),
        pytest.param(body(**container(image=None)), "spec.containers[nodemanager].image", id="no image"),
        pytest.param(
            body(**container(resources={"limits": {"cpu": "1"}})),
            "spec.containers[nodemanager].resources.limits.cpu",
            id="a size",
        ),
        pytest.param(
            body(**container(env=[{"name": "NM_VCORES", "value": "1"}])),
            "spec.containers[nodemanager].env.NM_VCORES",
            id="one of our variables",
        ),
    ],
)
def test_a_template_that_cannot_serve_names_file_key_and_remedy(what: object, key: str) -> None:
    with pytest.raises(TemplateError) as caught:
        check(what, Path("t.yaml"))
    assert (caught.value.path, caught.value.key) == (Path("t.yaml"), key)
    assert caught.value.remedy
    assert str(caught.value).startswith(f"t.yaml: {key}: ")


def test_a_file_that_is_missing_or_not_yaml_is_a_template_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("kind: [Pod", encoding="utf-8")
    for path in (bad, tmp_path / "none.yaml"):
        with pytest.raises(TemplateError) as caught:
            load(path)
        assert caught.value.key == "(file)"


def test_the_default_template_serves_as_it_is() -> None:
    pod = render(load(DEFAULT), order())
    assert pod["spec"]["terminationGracePeriodSeconds"] == 10
    assert nodemanager(pod)["resources"]["requests"] == {
        "ephemeral-storage": "20Gi",
        "cpu": "8000m",
        "memory": "17408Mi",
    }


def test_a_rendered_pod_is_recognised_as_ours_with_the_size_that_was_ordered() -> None:
    raw = render(template(), order(extended={"nvidia.com/gpu": 1}))
    raw["metadata"]["namespace"] = HOME
    view = parse_pod(raw, home=HOME)
    assert view.identity is Identity.OURS
    assert (view.name, view.pool, view.promise) == (order().name, "night", "p1")
    assert view.requests == KubeAmount(cpu_millicores=8000, memory_mib=17408, extended={"nvidia.com/gpu": 1})
    assert view.deadline_at == DEADLINE


def test_a_pod_goes_to_its_node_through_the_scheduler() -> None:
    spec = render(template(), order())["spec"]
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term == {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-7"]}]}
    assert "nodeName" not in spec


def test_a_pod_says_how_long_it_lives_and_what_it_is_worth() -> None:
    pod = render(template(), order(eviction_priority=-5, deadline_at=DEADLINE.astimezone(timezone(timedelta(hours=8)))))
    assert pod["metadata"]["annotations"] == {
        "tidebridge.dev/deadline": "2026-01-02T06:30:00Z",
        "tidebridge.dev/shape": "vcores=8,memory_mib=16384",
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
        "koordinator.sh/eviction-priority": "-5",
    }
    assert pod["spec"]["activeDeadlineSeconds"] == 3600
    assert pod["spec"]["priorityClassName"] == "tidebridge-elastic"


def test_the_memory_limit_is_the_request_unless_ordered_and_cpu_has_none() -> None:
    assert nodemanager(render(template(), order()))["resources"]["limits"] == {"memory": "17408Mi"}
    assert nodemanager(render(template(), order(size=size(memory_limit_mib=20000))))["resources"]["limits"] == {
        "memory": "20000Mi"
    }


def test_a_pod_may_be_held_to_more_than_it_requests() -> None:
    held_to = {"cpu_limit_millicores": 8250, "memory_limit_mib": 17408}
    small = order(size=size(cpu_request_millicores=250, memory_request_mib=1024, **held_to))
    assert nodemanager(render(template(), small))["resources"] == {
        "requests": {"cpu": "250m", "memory": "1024Mi"},
        "limits": {"cpu": "8250m", "memory": "17408Mi"},
    }


def test_the_orders_environment_wins_and_the_rest_of_the_templates_stays() -> None:
    given_env = [{"name": "POD_IP", "valueFrom": {}}, {"name": "NM_HEAP_MIB", "value": "1"}]
    pod = render(template(**container(env=given_env)), order(env={"NM_HEAP_MIB": "512"}))
    assert nodemanager(pod)["env"] == [
        {"name": "POD_IP", "valueFrom": {}},
        {"name": "NM_HEAP_MIB", "value": "512"},
        {"name": "NM_MEMORY_MIB", "value": "16384"},
        {"name": "NM_VCORES", "value": "8"},
        {"name": "TIDEBRIDGE_NODE_LABEL", "value": "k8s"},
    ]


@pytest.mark.parametrize(("ordered", "stated", "expected"), [(None, {}, 10), (None, 5, 5), (7, 5, 7)])
def test_the_grace_is_the_orders_then_the_templates_then_ten_seconds(
    ordered: int | None, stated: Any, expected: int
) -> None:
    spec = {"terminationGracePeriodSeconds": stated} if stated else {}
    assert render(template(**spec), order(grace_s=ordered))["spec"]["terminationGracePeriodSeconds"] == expected


@given(st.sampled_from(["p1", "8f3a", "Ü"]), st.integers(1, 64), st.dictionaries(st.sampled_from("ABC"), st.text()))
def test_rendering_is_deterministic_and_changes_neither_template_nor_order(
    promise: str, vcores: int, env: dict[str, str]
) -> None:
    source = load(DEFAULT)
    before, asked = deepcopy(source.body), order(promise=promise, vcores=vcores, env=env)
    first = render(source, asked)
    assert first == render(source, asked)
    assert list(first["spec"]) == list(render(source, asked)["spec"])
    assert source.body == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"deadline_at": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"active_deadline_s": 0},
        {"grace_s": 16},
        {"env": {"NM_VCORES": "9"}},
    ],
)
def test_an_order_that_no_pod_could_fulfil_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        order(**wrong)


@pytest.mark.parametrize("wrong", [{"memory_limit_mib": 1}, {"cpu_limit_millicores": 1}])
def test_a_limit_below_the_request_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"is below"):
        size(**wrong)


def test_the_templates_tolerations_are_those_lenders_are_judged_by() -> None:
    tolerations = [{"key": "lend", "operator": "Exists", "effect": "NoSchedule"}]
    assert template(tolerations=tolerations).tolerations == (
        Toleration(key="lend", operator="Exists", effect="NoSchedule"),
    )


def test_the_priority_class_is_below_every_online_pod_and_pushes_nothing_out() -> None:
    priority = yaml.safe_load(Path("config/priorityclass.yaml").read_text(encoding="utf-8"))
    assert priority["metadata"]["name"] == order().priority_class_name
    assert priority["value"] < -10
    assert (priority["preemptionPolicy"], priority["globalDefault"]) == ("Never", False)
