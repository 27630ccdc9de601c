"""A ResourceManager's admin port: what REST can't do, which is decommissioning nodes, and telling who is active.

The addresses are asked in their order until the active RM answers. Every call may be repeated: reading the exclude file
again changes nothing.
"""

import uuid
from collections.abc import Callable, Sequence
from enum import IntEnum

from yarn_client.errors import BadReply, RmUnavailable, RpcStandby
from yarn_client.ipc import Call, read_reply
from yarn_client.ipc_transport import IpcTransport, SocketTransport
from yarn_client.protobuf import Message, NotProtobuf, encode, messages_in, number_in, text_in
from yarn_client.transport import NoReply, Timeouts
from yarn_client.values import HaState

ADMIN = "org.apache.hadoop.yarn.server.api.ResourceManagerAdministrationProtocolPB"
HA = "org.apache.hadoop.ha.HAServiceProtocol"
_NORMAL, _GRACEFUL = 1, 2
_BY_USER_FORCED = encode((1, encode((1, 1))))
"""Who asks for a transition; seen to work on 3.4.2."""


class _Service(IntEnum):
    INITIALIZING = 0
    ACTIVE = 1
    STANDBY = 2


class AdminRpc:
    """The admin ports of one cluster's RMs, with simple authentication as *user*."""

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        user: str,
        transport: IpcTransport | None = None,
        timeouts: Timeouts | None = None,
        new_id: Callable[[], bytes] = lambda: uuid.uuid4().bytes,
    ) -> None:
        if not addresses:
            raise ValueError("at least one address is needed")
        self._addresses = tuple(_checked(address) for address in addresses)
        self._user = user
        self._transport = transport or SocketTransport()
        self._timeouts = timeouts or Timeouts()
        self._new_id = new_id

    def refresh_nodes(self) -> None:
        """Have the exclude file read: nodes in it end at once, nodes no longer in it may come back."""
        self._ask(refresh_call(is_graceful=False))

    def refresh_nodes_gracefully(self, timeout_s: int | None = None) -> None:
        """Have the exclude file read: nodes new in it are DECOMMISSIONING for *timeout_s*, then end.

        A timeout that the file gives for a host goes before this one; None: the RM's own
        (yarn.resourcemanager.nodemanager-graceful-decommission-timeout-secs).
        """
        self._ask(refresh_call(timeout_s))

    def decommissioning_nodes(self) -> tuple[str, ...]:
        """Name the nodes ("host:port") that are DECOMMISSIONING."""
        call = Call(protocol=ADMIN, method="checkForDecommissioningNodes")
        return read_decommissioning(call, self._ask(call))

    def service_state(self, address: str) -> HaState:
        """Say whether the RM at *address* is active."""
        call = Call(protocol=HA, method="getServiceStatus")
        return read_service_state(call, self._ask_one(_checked(address), call))

    def make_active(self, address: str) -> None:
        """Make the RM at *address* active. Without fencing, nothing keeps another from being active too."""
        call = Call(protocol=HA, method="transitionToActive", request=_BY_USER_FORCED, is_change=True)
        self._ask_one(_checked(address), call)

    def make_standby(self, address: str) -> None:
        """Make the RM at *address* a standby."""
        call = Call(protocol=HA, method="transitionToStandby", request=_BY_USER_FORCED, is_change=True)
        self._ask_one(_checked(address), call)

    def _ask(self, call: Call) -> Message:
        heard: dict[str, str] = {}
        in_doubt = False
        for address in self._addresses:
            try:
                return self._ask_one(address, call)
            except RpcStandby as error:
                heard[address] = str(error)
            except RmUnavailable as error:
                heard |= error.by_address
                in_doubt = in_doubt or error.may_have_been_applied
        raise RmUnavailable(heard, may_have_been_applied=in_doubt)

    def _ask_one(self, address: str, call: Call) -> Message:
        outcome = self._transport.send(address, call.encoded(self._user, self._new_id()), self._timeouts)
        if isinstance(outcome, NoReply):
            in_doubt = call.is_change and outcome.may_have_arrived
            raise RmUnavailable({address: outcome.why}, may_have_been_applied=in_doubt)
        return read_reply(call, outcome)


def refresh_call(timeout_s: int | None = None, *, is_graceful: bool = True) -> Call:
    """Ask for the exclude file to be read; if that isn't graceful, nodes new in it end at once."""
    if timeout_s is not None and timeout_s < 0:
        raise ValueError("a timeout below 0")
    if not is_graceful:
        request = encode((1, _NORMAL))
    elif timeout_s is None:
        request = encode((1, _GRACEFUL))
    else:
        request = encode((1, _GRACEFUL), (2, timeout_s))
    return Call(protocol=ADMIN, method="refreshNodes", request=request, is_change=True)


def read_decommissioning(call: Call, answer: Message) -> tuple[str, ...]:
    """Read the answer of ``checkForDecommissioningNodes``."""
    try:
        return tuple(f"{text_in(node, 1)}:{number_in(node, 2)}" for node in messages_in(answer, 1))
    except NotProtobuf as error:
        raise BadReply(call.method, "decommissioningNodes", str(error)) from error


def read_service_state(call: Call, answer: Message) -> HaState:
    """Read the answer of ``getServiceStatus``; a state that isn't known is UNKNOWN."""
    try:
        return HaState(_Service(number_in(answer, 1)).name)
    except NotProtobuf as error:
        raise BadReply(call.method, "state", str(error)) from error
    except ValueError:
        return HaState.UNKNOWN


def _checked(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{address!r} isn't host:port")
    return address
