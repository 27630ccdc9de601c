import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s_pool import Identity, parse_pod, pod_name
from k8s_pool.identity import COMPONENT, MANAGED_BY, POOL, PROMISE, identity_labels
from tests.k8s_pool.stubs import HOME, raw_elastic, raw_pod

LABELS = identity_labels("night", "p1")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(raw_elastic("p1"), Identity.OURS, id="name and labels agree"),
        pytest.param(raw_elastic("p1", name="nm-night-p2"), Identity.IMPOSTOR, id="a copy under another name"),
        pytest.param(raw_elastic("p1", namespace="shop"), Identity.IMPOSTOR, id="a copy in another namespace"),
        pytest.param(
            raw_pod("nm-night-p1", HOME, labels={k: v for k, v in LABELS.items() if k != PROMISE}),
            Identity.IMPOSTOR,
            id="a pool without a promise",
        ),
        pytest.param(
            raw_pod("nm-night-p1", HOME, labels=LABELS | {MANAGED_BY: "Helm"}),
            Identity.IMPOSTOR,
            id="managed by another",
        ),
        pytest.param(
            raw_pod("nm-night-p1", HOME, labels={k: v for k, v in LABELS.items() if k != COMPONENT}),
            Identity.IMPOSTOR,
            id="another component",
        ),
        pytest.param(raw_pod("nm-night-p1", HOME), Identity.NONE, id="our name without our labels"),
        pytest.param(
            raw_pod("tidebridge-0", HOME, labels={MANAGED_BY: "tidebridge"}), Identity.NONE, id="the controller"
        ),
    ],
)
def test_a_pod_is_ours_only_under_the_name_its_labels_derive(raw: dict[str, Any], expected: Identity) -> None:
    assert parse_pod(raw, home=HOME).identity is expected


def test_an_impostor_counts_as_online_use() -> None:
    assert not parse_pod(raw_elastic("p1", name="copy"), home=HOME).is_elastic


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_every_name_is_one_that_kubernetes_takes_and_stays_the_same(pool: str, promise: str) -> None:
    name = pod_name(pool, promise)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name)
    assert name == pod_name(pool, promise)


def test_a_plain_name_can_be_read_by_people() -> None:
    assert pod_name("night", "8f3a") == "nm-night-8f3a"
    assert {POOL, PROMISE} <= LABELS.keys()
