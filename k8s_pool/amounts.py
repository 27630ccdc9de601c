"""An amount of what Kubernetes schedules by, in this package's units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from k8s_pool.quantity import MIB

BATCH_CPU = "kubernetes.io/batch-cpu"
"""koordinator's: CPU that online pods have requested and don't use; in millicores, not in cores."""
BATCH_MEMORY = "kubernetes.io/batch-memory"
"""The same of memory, in bytes."""

NO_EXTENDED: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeAmount:
    """CPU in millicores, memory and ephemeral storage in MiB, every other resource by name in its own unit.

    `extended` holds no zeros, so that equal amounts are equal values; huge pages are in bytes, devices in pieces.
    Room may be negative where a node is overcommitted; `clipped` forgets the debt.
    """

    cpu_millicores: int = 0
    memory_mib: int = 0
    ephemeral_mib: int = 0
    extended: Mapping[str, int] = field(default_factory=lambda: NO_EXTENDED, hash=False)

    def __add__(self, other: "KubeAmount") -> "KubeAmount":
        return KubeAmount(
            cpu_millicores=self.cpu_millicores + other.cpu_millicores,
            memory_mib=self.memory_mib + other.memory_mib,
            ephemeral_mib=self.ephemeral_mib + other.ephemeral_mib,
            extended=_merged(self.extended, other.extended, 1) if other.extended else self.extended,
        )

    def __sub__(self, other: "KubeAmount") -> "KubeAmount":
        return KubeAmount(
            cpu_millicores=self.cpu_millicores - other.cpu_millicores,
            memory_mib=self.memory_mib - other.memory_mib,
            ephemeral_mib=self.ephemeral_mib - other.ephemeral_mib,
            extended=_merged(self.extended, other.extended, -1) if other.extended else self.extended,
        )

    @property
    def of_batch(self) -> "KubeAmount":
        """Return what of koordinator's batch resources this amount holds, as CPU and memory; memory is rounded up."""
        return KubeAmount(
            cpu_millicores=self.extended.get(BATCH_CPU, 0), memory_mib=-(-self.extended.get(BATCH_MEMORY, 0) // MIB)
        )

    def clipped(self) -> "KubeAmount":
        """Return this amount with every negative part at zero."""
        return KubeAmount(
            cpu_millicores=max(0, self.cpu_millicores),
            memory_mib=max(0, self.memory_mib),
            ephemeral_mib=max(0, self.ephemeral_mib),
            extended=MappingProxyType({name: count for name, count in self.extended.items() if count > 0}),
        )


ZERO = KubeAmount()


def _merged(left: Mapping[str, int], right: Mapping[str, int], sign: int) -> Mapping[str, int]:
    """Add *right*, times *sign*, to *left*, name by name, leaving out zeros."""
    sums = dict(left)
    for name, count in right.items():
        sums[name] = sums.get(name, 0) + sign * count
    return MappingProxyType({name: count for name, count in sums.items() if count})
