"""What can go wrong between Tidebridge and an API server.

KubeError
├── BadKubeconfig    no usable configuration: file, context, credentials' plugin
├── KubeUnavailable  no answer, or none of the API server's: network, TLS, timeouts, 429, 5xx, a body that isn't JSON
├── Refused          the API server says no to this request (any other 4xx)
│   ├── Forbidden      a right is missing; names it
│   ├── AlreadyExists  an object of that name exists
│   ├── Conflict       the object isn't what was read any more
│   └── QuotaRefused   a ResourceQuota is used up; the right is there
└── TemplateError    the pod template can't serve; names file, key and remedy

Exceptions of `kubernetes` and `urllib3` stay inside this package, as causes.
"""

from pathlib import Path


class KubeError(Exception):
    """Base of everything this package raises on purpose."""


class BadKubeconfig(KubeError):
    """No API server and credentials could be read from the configuration."""


class KubeUnavailable(KubeError):
    """The API server gave no usable answer; the next attempt may.

    `retry_after_s` is what the server asked for (429 and 503), in seconds, 0 when it said nothing.
    """

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(KubeError):
    """The API server refused this request; asking again without a change is useless.

    `status` is the HTTP status, `reason` the machine-readable word of the reply's Status object, such as "Invalid".
    """

    def __init__(self, message: str, *, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Forbidden(Refused):
    """A right is missing: *verb* on *resource* in *namespace* (None: the whole cluster)."""

    def __init__(self, message: str, *, verb: str, resource: str, namespace: str | None) -> None:
        super().__init__(message, status=403, reason="Forbidden")
        self.verb = verb
        self.resource = resource
        self.namespace = namespace


class AlreadyExists(Refused):
    """An object of that name exists; for a pod named by its promise, an earlier attempt has come through."""


class Conflict(Refused):
    """Another hand changed or removed the object since it was read: read it again, and change that."""


class QuotaRefused(Refused):
    """A ResourceQuota of the namespace has no room. It is a 403 too, but no missing right."""


class TemplateError(KubeError):
    """The pod template can't serve. Says where (*path*, *key*) and what to do (*remedy*)."""

    def __init__(self, *, path: Path, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {key}: {problem}; {remedy}")
        self.path = path
        self.key = key
        self.problem = problem
        self.remedy = remedy
