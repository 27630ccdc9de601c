"""What can go wrong between this package and a ResourceManager (RM).

    YarnError
    ├── RmUnavailable          no address answered as the active RM: an outage, try again later
    ├── RmRefused              the active RM answered, and said no
    │   ├── Forbidden          401, 403: the user may not
    │   ├── NotFound           404: no such node, or no such path in this version
    │   ├── NotMutable         the scheduler's configuration can't be changed over REST
    │   └── NodeNotUpdatable   the node's state (SHUTDOWN, DECOMMISSIONED, ...) allows no resize
    ├── RpcRefused             an RM's admin port answered, and said no
    │   ├── RpcForbidden       the user is no admin of the cluster
    │   └── RpcStandby         this RM isn't the active one
    ├── BadExcludeFile         the exclude file can't be understood: it is left as it is
    ├── ExcludeFileUnreachable the exclude file can't be read or written
    ├── CustomResourcesAtRisk  this package said no: the resize would wipe GPUs and the like
    ├── BadAllocations         FairScheduler's allocation file isn't one; says where
    ├── AllocationsChanged     another hand wrote the allocation file in between
    ├── AllocationsUnreachable the allocation file can't be read or written
    └── BadReply               JSON came, and it can't be understood

No exception of `requests` leaves the package. A wrong argument is a `ValueError` or a `TypeError`: a bug of the caller.
"""

from collections.abc import Mapping


class YarnError(Exception):
    """Anything that keeps a call from giving its result."""


class RmUnavailable(YarnError):
    """No address answered as the active ResourceManager; `by_address` says what each one did."""

    def __init__(self, by_address: Mapping[str, str], *, may_have_been_applied: bool = False) -> None:
        self.by_address = dict(by_address)
        self.may_have_been_applied = may_have_been_applied
        """True when a change was sent and its fate is unknown: read again before repeating it."""
        told = "; ".join(f"{address}: {what}" for address, what in self.by_address.items())
        doubt = " (the change may have been applied)" if may_have_been_applied else ""
        super().__init__(f"no active ResourceManager{doubt}: {told}")


class RmRefused(YarnError):
    """The active ResourceManager answered with an error of its own."""

    def __init__(self, status: int, exception: str, message: str) -> None:
        self.status = status
        self.exception = exception
        """The RM's short exception name, "" when the body had none."""
        self.message = message
        super().__init__(f"{status} {exception or 'error'}: {message or 'no message'}")


class Forbidden(RmRefused):
    """The user may not do this: 403, and 401, which the RM sends to those who aren't admins."""


class NotFound(RmRefused):
    """The RM knows no such node or path; labels in distributed mode answer so too."""


class NotMutable(RmRefused):
    """The scheduler's configuration can't be read or changed over REST; says what to set instead."""

    remedy = (
        "for CapacityScheduler set yarn.scheduler.configuration.store.class to zk, leveldb, fs or memory (the default "
        "is file) and restart the ResourceManager; FairScheduler's queues are in its allocation file"
    )

    def __str__(self) -> str:
        return f"{super().__str__()}; {self.remedy}"


class NodeNotUpdatable(RmRefused):
    """The node is in a state in which it can't be resized; asking again won't help."""


class RpcRefused(YarnError):
    """A ResourceManager answered a call at its admin port with an error of its own."""

    def __init__(self, exception: str, message: str) -> None:
        self.exception = exception
        """The short name of the RM's exception."""
        self.message = message
        super().__init__(f"{exception or 'error'}: {message or 'no message'}")


class RpcForbidden(RpcRefused):
    """The user may not: `yarn.admin.acl` doesn't name it."""


class RpcStandby(RpcRefused):
    """This ResourceManager isn't the active one."""


class BadExcludeFile(YarnError):
    """The exclude file isn't one that this package can change without losing what others wrote."""


class ExcludeFileUnreachable(YarnError):
    """The exclude file can't be read or written: absent, or no right to it."""


class CustomResourcesAtRisk(YarnError):
    """Refuse a resize over REST that would set the node's custom resources to 0."""

    def __init__(self, node_id: str, names: tuple[str, ...]) -> None:
        self.node_id = node_id
        self.names = names
        super().__init__(f"a resize over REST would drop {', '.join(names)} from {node_id}")


class BadAllocations(YarnError):
    """The allocation file can't be understood, or not be changed safely; *line* counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        self.line = line
        self.why = why
        super().__init__(f"allocation file, line {line}: {why}")


class AllocationsChanged(YarnError):
    """The allocation file isn't what was read any more: read it again, and change that."""


class AllocationsUnreachable(YarnError):
    """The allocation file can't be read or written: absent, or no right to it."""


class BadReply(YarnError):
    """A reply was JSON, and not what the path is documented or known to give."""

    def __init__(self, path: str, key: str, why: str) -> None:
        self.path = path
        self.key = key
        super().__init__(f"{path}: {key}: {why}")
