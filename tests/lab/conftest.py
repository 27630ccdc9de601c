"""The lab's stories begin and end with an empty stage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.lab import ROOT, elastic_pod_names, end_applications, kubectl, online_running, scale_online, within


@pytest.fixture
def empty_stage() -> Iterator[None]:
    """A full online service and no elastic pod, before; no elastic pod after."""
    end_applications()
    kubectl("delete", "pods", "-n", "tidebridge", "--all", "--grace-period=1", "--wait=true")
    kubectl("apply", "-f", str(ROOT / "lab/online.yaml"))
    scale_online(8)
    within(60, lambda: online_running() == 8, "the online service is up")
    yield
    left = elastic_pod_names()
    kubectl("delete", "pods", "-n", "tidebridge", "--all", "--grace-period=1", "--wait=true")
    assert left == set(), "a story leaves no elastic pod behind"
