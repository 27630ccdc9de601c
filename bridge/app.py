"""Builds things: from settings to pools that can be ticked. The one place that knows every implementation."""

from __future__ import annotations

import logging
import socket
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import assert_never
from zoneinfo import ZoneInfo

from bridge.adapters.calendar import Always, Cron, Interval, Times, WindowRule, next_firing, spans
from bridge.adapters.capacity_queues import CapacityQueues
from bridge.adapters.clock import SystemClock
from bridge.adapters.convert import room_of_yarn, shape_of
from bridge.adapters.fair_queues import FairQueues
from bridge.adapters.holidays import BadCalendar, Holidays
from bridge.adapters.kube import KubeCluster, template_extra
from bridge.adapters.lease import KubeLease
from bridge.adapters.leaving import Leaving
from bridge.adapters.metrics import MetricsLoad
from bridge.adapters.namespaces import TenantNamespaces
from bridge.adapters.prometheus import HttpTransport, LoadQuery, PrometheusLoad
from bridge.adapters.queues import YarnQueues
from bridge.adapters.quotas import NamespaceQuotas
from bridge.adapters.recorded import RecordedLoad, Recording
from bridge.adapters.yarn import YarnCluster
from bridge.controller.election import Election
from bridge.controller.fence import Fence
from bridge.controller.fenced import FencedHistory, FencedTaskLengths, fenced_pool, fenced_sharing
from bridge.controller.foresight import Foresight
from bridge.controller.lifetimes import Lifetimes
from bridge.controller.load_look import EVERY_S, LoadLook
from bridge.controller.pool import Mode, Pool
from bridge.controller.rebalance import Rebalancing, Rounds
from bridge.controller.sharing import Sharing, entitlement
from bridge.core.forecast import HORIZONS, NEAR, ForecastPolicy
from bridge.core.load import LoadUnit
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import Basis, PoolPolicy
from bridge.core.window import WindowSpan
from bridge.ports import Clock, Enforcer, Journal, LoadHistory, LoadSignal, PortError
from bridge.settings import Adapter, ByLease, Cluster, Entitled, Problem, Settings, Window, pool_policy, share_policy
from bridge.settings import Pool as PoolSettings
from bridge.settings.signals import MetricsSignal, PrometheusSignal, RecordedSignal
from bridge.sim.load import BadTrace, load_series
from bridge.store import SqlJournal, open_journal
from bridge.store.shares import SqlShares
from k8s_pool import (
    BadKubeconfig,
    FleetView,
    FleetWatch,
    KubeApi,
    KubeLeases,
    KubePool,
    KubeUnavailable,
    PodTemplate,
    TemplateError,
    connect,
    read_fleet,
)
from k8s_pool import (
    Timeouts as KubeTimeouts,
)
from k8s_pool import load as load_template
from yarn_client import AdminRpc, Timeouts, YarnClient

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(hours=26)

YARN_PART, YARN_LEAST_S = 0.8, 4.0
LOAD_PART, LOAD_LEAST_S = 0.5, 2.0
"""How long a tick waits for what it reads, as parts of its period and at least: what gives room back by the clock waits
with it, and has a tick and ``PoolPolicy.safety`` to spare."""
LOOK_AHEAD = timedelta(hours=50)
"""How far around an instant windows are computed: a window lasts at most a day, and one that follows may extend it."""

LOOK_EVERY_TICKS = 3
"""How often demand is looked at between two rounds: it costs as much as a tick."""

FIRST_SYNC_S = 20.0
"""How long the first tick waits for the first list; one that starts without it sees a gap, and YARN's deadlines."""


class SetupError(Exception):
    """The settings are well formed, but don't fit what they name."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What a command works with."""

    settings: Settings
    journal: Journal
    pools: tuple[Pool, ...]
    sharing: Sharing | None = None
    """What rounds of rebalancing work with; None where no tenants are configured."""
    election: Election | None = None
    """What says whether this replica leads; None where it is the only one, or a person's command."""


@contextmanager
def running(
    settings: Settings, *, follow: bool, clock: Clock | None = None, ids: Callable[[], str] | None = None
) -> Iterator[App]:
    """Connect everything that the settings name, and close it at the end.

    *follow*: go on for long, as ``run`` does: keep a watch on Kubernetes, and wait for a database that is away; else
    each look reads the lists once, and the database must be there.
    *clock*, *ids*: where time and ids come from; the system's clock and chance, unless a story is to repeat itself.
    """
    clock = clock or SystemClock()
    with ExitStack() as stack:
        templates = {name: _template(name, pool) for name, pool in settings.pools.items()}
        api = _kubernetes(settings)
        journal = stack.enter_context(closing(open_journal(settings.store.url, may_be_away=follow)))
        view = _fleet(stack, api, settings.kubernetes.namespace, follow=follow)
        if follow:
            _warn_of_unknown_pools(settings, view)
        election = _election(settings, clock) if follow else None

        def pool_behind(name: str, fence: Fence | None) -> Pool:
            return _pool(
                settings,
                name,
                journal=journal,
                api=api,
                view=_seen_by(fence, view, api, settings.kubernetes.namespace),
                template=templates[name],
                # Pools tick at the same time, and a client is for one thread.
                client=stack.enter_context(_yarn_client(settings.yarn.clusters[settings.pools[name].cluster], fence)),
                clock=clock,
                ids=ids or new_id,
                follow=follow,
                fence=fence,
            )

        pools = tuple(pool_behind(name, _fence(election)) for name in settings.pools)
        sharing = None
        if settings.tenants:
            pool, fence = next(pool for pool in pools if pool.name == settings.rebalanced_pool), _fence(election)
            if fence is not None:
                # A term that the ticks have begun isn't one that the round under way began in.
                pool = pool_behind(pool.name, fence)
            cluster = settings.yarn.clusters[settings.pools[pool.name].cluster]
            client = stack.enter_context(_yarn_client(cluster, fence))
            seen = _seen_by(fence, view, api, settings.kubernetes.namespace)
            sharing = _sharing(settings, pool, journal.shares, api=api, view=seen, client=client, fence=fence)
        if election is not None:
            # The last to begin and the first to end: nothing acts any more when the lease is given up.
            stack.enter_context(election)
        yield App(settings=settings, journal=journal, pools=pools, sharing=sharing, election=election)


def _election(settings: Settings, clock: Clock) -> Election | None:
    """Build what says whether this replica leads; None where there is no other."""
    found = settings.leadership
    if not isinstance(found, ByLease):
        return None
    patience_s = found.lease_s / 5
    # Connections of its own: a renewal waits for nobody, and not for long.
    api = _kubernetes(settings, KubeTimeouts(connect_s=patience_s, read_s=patience_s))
    leases = KubeLeases(api, found.namespace or settings.kubernetes.namespace)
    lease = KubeLease(leases, clock, name=found.name, lease_s=found.lease_s)
    return Election(lease, me=f"{socket.gethostname()}_{new_id()}", terms=found.terms)


def _fence(election: Election | None) -> Fence | None:
    """Build the fence of one thread; None where nobody else may lead."""
    return None if election is None else Fence(election)


def _seen_by(
    fence: Fence | None, view: Callable[[], FleetView], api: KubeApi, namespace: str
) -> Callable[[], FleetView]:
    """Read the lists in the first tick of a term: the watch may not have told yet what the last leader did."""
    if fence is None:
        return view
    return lambda: read_fleet(api, namespace=namespace) if fence.is_first else view()


def _kubernetes(settings: Settings, timeouts: KubeTimeouts | None = None) -> KubeApi:
    try:
        return connect(
            context=settings.kubernetes.context, kubeconfig=settings.kubernetes.kubeconfig, timeouts=timeouts
        )
    except BadKubeconfig as error:
        file, context = settings.kubernetes.kubeconfig, settings.kubernetes.context
        is_file = context is None
        raise SetupError(
            Problem(
                key="kubernetes.kubeconfig" if is_file else "kubernetes.context",
                value=(repr(str(file)) if file else "null") if is_file else repr(context),
                why=" ".join(str(error).split()),
                remedy="name a kubeconfig that kubectl can use, and a context that it has",
            )
        ) from error


def _template(name: str, pool: PoolSettings) -> PodTemplate:
    try:
        return load_template(pool.pod_template)
    except TemplateError as error:
        raise SetupError(
            Problem(
                key=f"pools.{name}.pod_template",
                value=repr(str(error.path)),
                why=f"{error.key} {error.problem}",
                remedy=error.remedy,
            )
        ) from error


def _fleet(stack: ExitStack, api: KubeApi, namespace: str, *, follow: bool) -> Callable[[], FleetView]:
    """Choose how nodes and pods are read: from a watch that stays open, or by a list each time."""
    if not follow:
        return lambda: read_fleet(api, namespace=namespace)
    fleet = stack.enter_context(FleetWatch(api, namespace=namespace))
    fleet.wait_synced(FIRST_SYNC_S)
    return fleet.view


def _warn_of_unknown_pools(settings: Settings, view: Callable[[], FleetView]) -> None:
    """Leave a line in the log for each pool that has pods and isn't in the settings: nobody gives them back."""
    try:
        pods = Counter(str(pod.pool) for pod in view().elastic if not pod.phase.is_terminal)
    except KubeUnavailable:
        return
    for name in sorted(set(pods) - set(settings.pools)):
        log.warning("pool.unknown pool=%s pods=%d left_to=activeDeadlineSeconds", name, pods[name])


def _yarn_client(cluster: Cluster, fence: Fence | None) -> YarnClient:
    """Build a client. A change may be the second request of one call: the fence is asked right before it, too."""
    return YarnClient(
        cluster.resourcemanagers,
        user=cluster.auth.user,
        timeouts=Timeouts(connect_s=cluster.connect_timeout_s, read_s=cluster.read_timeout_s),
        before_change=(lambda: None) if fence is None else fence.check,
    )


def _leaving(cluster: Cluster, clock: Clock) -> Leaving | None:
    way = cluster.decommission
    if way is None:
        return None
    timeouts = Timeouts(connect_s=cluster.connect_timeout_s, read_s=cluster.read_timeout_s)
    return Leaving(way.exclude_file, AdminRpc(way.admin_addresses, user=cluster.auth.user, timeouts=timeouts), clock)


def _pool(
    settings: Settings,
    name: str,
    *,
    journal: SqlJournal,
    api: KubeApi,
    view: Callable[[], FleetView],
    template: PodTemplate,
    client: YarnClient,
    clock: Clock,
    ids: Callable[[], str],
    follow: bool,
    fence: Fence | None,
) -> Pool:
    """Build one pool's controller. *fence*: what its calls must pass; None where nobody else may lead."""
    pool = settings.pools[name]
    signal = _signal(settings, name, api=api, view=view, clock=clock)
    cluster = settings.yarn.clusters[pool.cluster]
    kube = KubeCluster(
        view,
        KubePool(api, settings.kubernetes.namespace),
        clock,
        pool=name,
        template=template,
        node_selector=pool.lenders.node_selector,
        priority_class=pool.priority_class,
        env={"RM_WEB_ADDRESSES": ",".join(cluster.resourcemanagers)},
        tenant_namespaces=_tenant_namespaces(settings, name),
        requested=_requested(pool),
    )
    is_shared = bool(settings.tenants) and name == settings.rebalanced_pool
    own = overhead(pool, template)
    policy = pool_policy(settings, name, shape=shape(pool, cluster, template), overhead=own)
    history = journal.load_history if fence is None else FencedHistory(journal.load_history, fence)
    lengths = journal.task_lengths if fence is None else FencedTaskLengths(journal.task_lengths, fence)
    built = Pool(
        policy=policy,
        windows=windows_around(window_rules(settings, name)),
        kube=kube,
        yarn=YarnCluster(
            client,
            clock,
            settle=timedelta(seconds=cluster.settle_s),
            look_within=max(YARN_PART * policy.tick, timedelta(seconds=YARN_LEAST_S)),
            by_queue=is_shared,
            label=policy.label,
            remote_shuffle=cluster.remote_shuffle_queues,
            leaving=_leaving(cluster, clock),
        ),
        journal=journal,
        clock=clock,
        new_id=ids,
        mode=Mode(settings.mode),
        signal=signal,
        foresight=_foresight(settings, name, history, signal, may_write=follow),
        lifetimes=Lifetimes(name, lengths, may_write=follow),
        urgent=_urgent(kube, signal, policy) if follow else frozenset,
        entitled=lambda: entitlement(journal.shares) if is_shared and _round_mode(settings) is Mode.ENFORCE else None,
    )
    return built if fence is None else fenced_pool(built, fence)


def _urgent(kube: KubeCluster, signal: LoadSignal | None, policy: PoolPolicy) -> Callable[[], frozenset[str]]:
    """Build what is asked between ticks: online pods and lenders, and the load, where ticks are far apart."""
    if signal is None or policy.basis is not Basis.USAGE or policy.tick.total_seconds() <= EVERY_S:
        return kube.urgent
    look = LoadLook(kube, signal, policy)
    return lambda: kube.urgent() | look.over()


def _signal(
    settings: Settings, name: str, *, api: KubeApi, view: Callable[[], FleetView], clock: Clock
) -> LoadSignal | None:
    """Build what says how much online services use; None where requests alone count."""
    key = settings.pools[name].lenders.signal
    if key is None:
        return None
    match settings.signals[key]:
        case PrometheusSignal() as found:
            query = _load_query(found)
            quick_s = max(LOAD_PART * settings.tick_s, LOAD_LEAST_S) / (1 if query.own_query is None else 2)
            quick = _prometheus(found, min(found.timeout_s, quick_s))
            return PrometheusLoad(_prometheus(found, found.timeout_s), query, clock, quick=quick)
        case MetricsSignal():
            return MetricsLoad(api, view, settings.kubernetes.namespace)
        case RecordedSignal() as found:
            return RecordedLoad(_recording(key, found), clock)
        case _ as never:
            assert_never(never)


def _prometheus(found: PrometheusSignal, timeout_s: float) -> HttpTransport:
    return HttpTransport(
        found.url, timeout_s=timeout_s, bearer_token_file=found.bearer_token_file, ca_file=found.ca_file
    )


def _load_query(found: PrometheusSignal) -> LoadQuery:
    return LoadQuery(
        query=found.query,
        unit=LoadUnit(found.unit),
        node_label=found.node_label,
        own_query=found.own_query,
        lookback=timedelta(seconds=found.lookback_s),
    )


def _recording(key: str, found: RecordedSignal) -> Recording:
    """Read a recorded series."""
    try:
        series = load_series(found.file)
    except BadTrace as error:
        where, _, remedy = str(error).partition("; ")
        raise SetupError(
            Problem(key=f"signals.{key}.file", value=repr(str(found.file)), why=where, remedy=remedy or "correct it")
        ) from error
    return Recording(
        first_at=found.start or datetime.fromtimestamp(series.first_s, UTC),
        step=timedelta(seconds=series.step_s),
        load=series.load,
    )


def _foresight(
    settings: Settings, name: str, history: LoadHistory, signal: LoadSignal | None, *, may_write: bool
) -> Foresight | None:
    """Build what keeps the load's history and forecasts; None where nothing of the future is to count."""
    expecting = settings.pools[name].lenders.expecting
    if not settings.pools[name].lenders.is_expecting:
        return None
    return Foresight(
        # What is requested and what is used are two histories.
        f"{name}/{settings.pools[name].lenders.basis}",
        history,
        policy=ForecastPolicy.covering({*HORIZONS, expecting.give_back_ahead, expecting.lend_for}, near=NEAR),
        earlier=None if signal is None else signal.history,
        keep=timedelta(days=settings.store.history_days),
        may_write=may_write,
    )


def _tenant_namespaces(settings: Settings, pool: str) -> frozenset[str]:
    """Name the namespaces whose pods are use of what this pool's lenders lend."""
    if pool != settings.rebalanced_pool:
        return frozenset()
    return frozenset(name for tenant in settings.tenants for name in tenant.namespaces)


def _round_mode(settings: Settings) -> Mode:
    """Say what a round may do: the lesser of its own mode and that of the whole."""
    order = list(Mode)
    return min(Mode(settings.mode), Mode(settings.rebalance.mode), key=order.index)


def _sharing(
    settings: Settings,
    pool: Pool,
    shares: SqlShares,
    *,
    api: KubeApi,
    view: Callable[[], FleetView],
    client: YarnClient,
    fence: Fence | None,
) -> Sharing:
    """Build what rounds of rebalancing work with. *fence*: as for the pool."""
    cluster = settings.yarn.clusters[settings.pools[pool.name].cluster]
    offered = room_of_yarn(pool.policy.shape.yarn, cluster.vcores_per_core)
    built = Sharing(
        policy=share_policy(settings, shape=pool.policy.shape, elastic_as_room=offered),
        pool=pool,
        queues=YarnQueues(
            client,
            pool.clock,
            settle=timedelta(seconds=cluster.settle_s),
            vcores_per_core=cluster.vcores_per_core,
            label=pool.policy.label,
            elastic_hosts=lambda: _addresses(pool),
            shape=pool.policy.shape.yarn,
        ),
        namespaces=TenantNamespaces(api, view),
        enforcers=tuple(
            _enforcer(kind, settings, pool, api=api, view=view, client=client) for kind in settings.rebalance.adapters
        ),
        shares=shares,
        mode=_round_mode(settings),
    )
    return built if fence is None else fenced_sharing(built, fence)


def _addresses(pool: Pool) -> frozenset[str]:
    """Return the addresses of the pool's elastic pods."""
    return frozenset(pod.ip for pod in pool.kube.observe().pods if pod.ip is not None)


def _enforcer(
    kind: Adapter,
    settings: Settings,
    pool: Pool,
    *,
    api: KubeApi,
    view: Callable[[], FleetView],
    client: YarnClient,
) -> Enforcer:
    """Build the adapter that the configuration names."""
    vcores_per_core = settings.yarn.clusters[settings.pools[pool.name].cluster].vcores_per_core
    match kind:
        case Adapter.YARN_CAPACITY:
            return CapacityQueues(client, vcores_per_core=vcores_per_core, label=_entitled_label(settings, pool))
        case Adapter.YARN_FAIR:
            file = settings.rebalance.allocation_file or Path()
            return FairQueues(client, file, vcores_per_core=vcores_per_core)
        case Adapter.RESOURCE_QUOTA:
            return NamespaceQuotas(api, view)
        case _:
            assert_never(kind)


def _entitled_label(settings: Settings, pool: Pool) -> str | None:
    """Return the label whose capacities are divided among queues, where the placement says so."""
    placement = settings.pools[pool.name].placement
    return placement.label if isinstance(placement, Entitled) else None


def rounds(built: App) -> Rounds | None:
    """Build what runs rounds when they are due; None where there are no tenants."""
    if built.sharing is None:
        return None
    settings = built.settings.rebalance
    return Rounds(built.sharing, due_after=lambda at: next_firing(settings.cron, ZoneInfo(settings.timezone), at))


def rebalancing(built: App) -> Rebalancing | None:
    """Build the thread that looks for rounds; None where there are no tenants."""
    found = rounds(built)
    if found is None:
        return None
    return Rebalancing(found, look_every=LOOK_EVERY_TICKS * timedelta(seconds=built.settings.tick_s))


def refuse_unfit_shapes(built: App) -> None:
    """Raise SetupError where a pool's nodes would be turned away. A cluster that doesn't answer is for the ticks."""
    for pool in built.pools:
        try:
            minimum = pool.yarn.observe().minimum
        except PortError:
            continue
        refuse_unfit_shape(pool, minimum)


def refuse_unfit_shape(pool: Pool, minimum: Resources) -> None:
    """Raise SetupError if the ResourceManager would turn this pool's NodeManagers away."""
    offered = pool.policy.shape.yarn
    if not minimum.fits_in(offered):
        raise SetupError(
            Problem(
                key=f"pools.{pool.name}.shape",
                value=_words(offered),
                why=f"is below the cluster's minimum allocation, {_words(minimum)}, so the ResourceManager would turn "
                "the NodeManager away",
                remedy="raise the shape, or lower yarn.scheduler.minimum-allocation-mb and -vcores",
            )
        )


def _words(amount: Resources) -> str:
    return f"{amount.vcores} vcores and {amount.memory_mib} MiB"


def shape(pool: PoolSettings, cluster: Cluster, template: PodTemplate) -> Shape:
    """Say what one elastic node of a pool is to both systems."""
    own = overhead(pool, template)
    return shape_of(
        vcores=pool.shape.vcores,
        memory_mib=pool.shape.memory_mib,
        vcores_per_core=cluster.vcores_per_core,
        overhead_millicores=own.cpu_millicores,
        overhead_mib=own.memory_mib,
    )


def overhead(pool: PoolSettings, template: PodTemplate) -> Room:
    """Say what of an elastic pod isn't lent: what the NodeManager needs, and the template's other containers."""
    extra = template_extra(template)
    return Room(
        cpu_millicores=pool.shape.overhead_millicores + extra.cpu_millicores,
        memory_mib=pool.shape.overhead_mib + extra.memory_mib,
    )


def _requested(pool: PoolSettings) -> Room | None:
    """Say what a NodeManager's container requests where that isn't all that it takes: its own overhead."""
    if pool.lenders.basis == "requests":
        return None
    return Room(cpu_millicores=pool.shape.overhead_millicores, memory_mib=pool.shape.overhead_mib)


def windows_around(rules: tuple[WindowRule, ...]) -> Callable[[datetime], tuple[WindowSpan, ...]]:
    """Say which openings matter at an instant."""
    return lambda at: spans(rules, at - LOOK_BACK, at + LOOK_AHEAD)


def new_id() -> str:
    """Make an id that no other promise or tick has; short enough to stand in a pod's name."""
    return uuid.uuid4().hex[:12]


def window_rules(settings: Settings, pool: str) -> tuple[WindowRule, ...]:
    """Return the windows of *pool*; raise SetupError where a calendar file can't be used."""
    return tuple(_rule(window, place) for place, window in enumerate(settings.windows) if window.pool == pool)


def _rule(window: Window, place: int) -> WindowRule:
    return WindowRule(
        name=window.name,
        times=_times(window, place),
        zone=window.zone,
        lead=window.lead,
        max_ratio=window.max_ratio,
        max_extend=window.max_extend,
        is_exception=window.exception,
        max_room=window.max_room,
        load=window.load,
    )


def _times(window: Window, place: int) -> Times:
    """Build the form that the window has; the settings have made sure that it is one."""
    if window.calendar is not None:
        try:
            return Holidays(window.calendar)
        except BadCalendar as error:
            raise SetupError(
                Problem(
                    key=f"windows[{place}].calendar",
                    value=repr(str(window.calendar)),
                    why=str(error),
                    remedy="name an iCalendar file (RFC 5545) that can be read",
                )
            ) from error
    if window.from_ is not None and window.to is not None:
        return Interval(window.from_, window.to)
    if window.cron is not None and window.back_by is not None:
        return Cron(window.cron, window.back_by)
    return Always()
