"""What a test may do to a world besides using its two ports: set the scene, and let time pass.

The worlds are in ``simulated`` and ``lab``; all have one static node, two lenders, and elastic nodes of one shape.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Protocol, TypeVar

from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import ElasticPod
from bridge.ports import Clock, Kube, Yarn

POOL = "contract"
LABEL = "contract"
REASON = "Contract"
"""Of what people are told."""
SHAPE = Shape(
    yarn=Resources(vcores=4, memory_mib=2048),
    pod=Room(cpu_millicores=250, memory_mib=2560),
)
STATIC = Resources(vcores=4, memory_mib=2048)
"""What the one static node has."""
MINIMUM = Resources(vcores=1, memory_mib=128)
AM = Resources(vcores=1, memory_mib=1024)
"""With one task it fills the static node."""
QUEUE = "default"
"""One of the two queues; the other is ``ads``, and each may grow to all there is."""
EXPIRY = timedelta(seconds=20)
"""How long the ResourceManager believes in a silent NodeManager."""

T = TypeVar("T")


class World(Protocol):
    """Two systems, and hands that are not the controller's."""

    @property
    def yarn(self) -> Yarn:
        """One pool's view of YARN."""
        ...

    @property
    def kube(self) -> Kube:
        """One pool's view of Kubernetes."""
        ...

    @property
    def clock(self) -> Clock:
        """The time in this world."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Let time go by: simulated, or real."""
        ...

    def clean(self) -> None:
        """Take away everything that this suite makes."""
        ...

    # --- YARN

    def run_work(self, containers: int, seconds: int, memory_mib: int, queue: str = QUEUE) -> None:
        """Submit a job whose tasks take one vcore and wait; a task that is lost is asked for again."""
        ...

    def ask_for_am(self, queue: str = QUEUE) -> None:
        """Submit an application; all that it asks for is its AM."""
        ...

    def restart_rm(self) -> None:
        """Begin to kill and start the ResourceManager; return at once."""
        ...

    # --- Kubernetes

    def set_online(self, *requests: Room) -> None:
        """Let there be exactly these online pods, to be placed anywhere."""
        ...

    def copy_by_hand(self, pod: str, name: str) -> None:
        """Make a copy of a pod, of another name."""
        ...

    def delete_by_hand(self, pod: str) -> None:
        """Delete a pod of the pool's namespace, at once."""
        ...

    def cordon(self, node: str, is_cordoned: bool) -> None:
        """Cordon a node, or lift it."""
        ...

    def kill_nodemanager(self, pod: ElasticPod) -> None:
        """Kill the NodeManager in a pod with SIGKILL."""
        ...

    def told(self) -> Collection[tuple[str, str]]:
        """Return reason and message of the Events about the pool's namespace."""
        ...


def wait_until(world: World, look: Callable[[], T | None], timeout_s: float = 60.0) -> T:
    """Let time pass until *look* gives something true, and return that."""
    give_up_at = world.clock.now() + timedelta(seconds=timeout_s)
    while not (found := look()):
        assert world.clock.now() < give_up_at, f"not in {timeout_s} s; at last: {found!r}"
        world.pass_time(0.5)
    return found


def stays(world: World, look: Callable[[], T], for_s: float = 3.0, within_s: float = 30.0) -> T:
    """Let time pass until *look* gave the same for some heartbeats, and return that.

    An application that hears of its containers a heartbeat late asks for some of them again for a moment; what settles
    is what counts, and what never settles fails.
    """
    give_up_at = world.clock.now() + timedelta(seconds=within_s)
    seen, since = look(), world.clock.now()
    while world.clock.now() < since + timedelta(seconds=for_s):
        assert world.clock.now() < give_up_at, f"not settled in {within_s} s; at last: {seen!r}"
        world.pass_time(1.0)
        now = look()
        if now != seen:
            seen, since = now, world.clock.now()
    return seen
