"""The transport that talks to a real API server: the official client's configuration, credentials and connections.

No call retries by itself (retry is the next tick), none is without a timeout, and none builds a model object.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import urllib3.exceptions
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import SERVICE_TOKEN_FILENAME

from k8s_pool.errors import BadKubeconfig, KubeUnavailable
from k8s_pool.transport import Reply, Request, Timeouts

# What the official loaders let through when a kubeconfig isn't one.
_UNUSABLE = (ConfigException, OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError)
KEPT_CONNECTIONS = 64
"""As many as pools, tenants and watches may have open at once; further ones are closed after use."""
_BROKEN = (urllib3.exceptions.HTTPError, OSError, ApiException)


def connect(
    *,
    context: str | None = None,
    kubeconfig: Path | None = None,
    in_cluster: bool | None = None,
    timeouts: Timeouts | None = None,
) -> "KubeApi":
    """Read the configuration as kubectl does and return the API server it names, without calling it.

    *in_cluster* None: yes when neither *context*, *kubeconfig* nor $KUBECONFIG is given and a service account's token
    is mounted. Raises BadKubeconfig.
    """
    named = str(kubeconfig) if kubeconfig is not None else os.environ.get("KUBECONFIG") or None
    if in_cluster is None:
        in_cluster = context is None and named is None and Path(SERVICE_TOKEN_FILENAME).is_file()
    configuration: Any = client.Configuration()
    load: Any = config  # the official loaders are untyped
    configuration.retries = False
    configuration.connection_pool_maxsize = KEPT_CONNECTIONS
    try:
        if in_cluster:
            load.load_incluster_config(client_configuration=configuration)
        else:
            load.load_kube_config(config_file=named, context=context, client_configuration=configuration)
        return KubeApi(client.ApiClient(configuration), timeouts or Timeouts())
    except _UNUSABLE as error:
        raise BadKubeconfig(f"no Kubernetes configuration: {error}") from error


class KubeApi:
    """An API server, reached through the official client. Safe to share between threads."""

    def __init__(self, api_client: Any, timeouts: Timeouts) -> None:
        self._client = api_client
        self._client.user_agent = "tidebridge"
        self._timeouts = timeouts

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._client.configuration.host)

    def send(self, request: Request) -> Reply:
        """Send *request*. Raises KubeUnavailable when no reply comes."""
        read_s = request.read_timeout_s or self._timeouts.read_s
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Content-Type": request.content_type,
        }
        try:
            serialized = self._client.param_serialize(
                request.method,
                request.path,
                query_params=list(request.query),
                header_params=headers,
                body=request.body,
                auth_settings=["BearerToken"],
            )
            reply = self._client.call_api(*serialized, _request_timeout=(self._timeouts.connect_s, read_s))
        except _BROKEN as error:
            raise KubeUnavailable(f"{self.server} doesn't answer: {error}") from error
        except ConfigException as error:
            raise KubeUnavailable(f"no credentials for {self.server}: {error}") from error
        return _KubeReply(reply.response)

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()


class _KubeReply:
    """A reply as urllib3 has it."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def retry_after_s(self) -> float:
        text = self._response.headers.get("Retry-After", "")
        return float(text) if text.isdecimal() else 0.0

    def read(self) -> bytes:
        try:
            return self._response.read(decode_content=True)
        except _BROKEN as error:
            raise KubeUnavailable(f"the reply broke off: {error}") from error

    def lines(self) -> Iterator[bytes]:
        rest = b""
        try:
            for piece in self._response.stream(1 << 16, decode_content=True):
                *whole, rest = (rest + piece).split(b"\n")
                yield from (line for line in whole if line)
        except _BROKEN as error:
            raise KubeUnavailable(f"the watch broke off: {error}") from error
        if rest:
            yield rest

    def abort(self) -> None:
        try:
            self._response.shutdown()
        except (ValueError, RuntimeError, OSError):
            return

    def close(self) -> None:
        self._response.close()
