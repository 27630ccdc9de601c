"""The RM's own errors become types, whatever the version calls them."""

import pytest

from tests.yarn_client.stub import VERSIONS, client_of, recorded
from yarn_client import Forbidden, NodeNotUpdatable, NodeState, NotFound, RmRefused

RUNNING = (NodeState.RUNNING,)


def refusal(version: str, name: str) -> RmRefused:
    client, _ = client_of(nodes=recorded(version, name))
    with pytest.raises(RmRefused) as caught:
        client.nodes(RUNNING)
    return caught.value


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [
        ("error_400_states", RmRefused, 400),
        ("error_400_node_id", RmRefused, 400),
        ("error_401_labels", Forbidden, 401),
        ("error_403_scheduler_conf", Forbidden, 403),
        ("error_404_node", NotFound, 404),
        ("error_404_path", NotFound, 404),
        ("error_404_conf", NotFound, 404),
    ],
)
def test_each_status_has_its_type(version: str, name: str, kind: type[RmRefused], status: int) -> None:
    error = refusal(version, name)
    assert (type(error), error.status) == (kind, status)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_node_that_is_gone_cannot_be_resized_and_is_no_outage(version: str) -> None:
    """500 on 3.3.6, 503 later, and other words on 3.5.0."""
    assert type(refusal(version, "error_503_resize_shutdown")) is NodeNotUpdatable


@pytest.mark.parametrize("version", VERSIONS)
def test_the_message_is_the_rms_without_javas(version: str) -> None:
    error = refusal(version, "error_404_node")
    assert (error.exception, error.message) == ("NotFoundException", "nodeId, 127.0.0.99:1, is not found")


def test_a_page_of_html_is_no_message() -> None:
    assert refusal("3.4.2", "error_404_path").message == ""
