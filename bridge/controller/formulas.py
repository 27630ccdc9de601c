"""How each limit of the offer is computed, in one line; the record keeps it beside the numbers that go into it."""

from __future__ import annotations

from bridge.core.reasons import Limit

FORMULAS: dict[Limit, str] = {
    Limit.NO_WINDOW_OPEN: "0: no window is open",
    Limit.WINDOW_RATIO: "nodes that fit in allocatable x max_ratio",
    Limit.WINDOW_AMOUNT: "nodes that fit in the window's amount",
    Limit.WINDOW_IS_ENDING: "nodes that the limit after back_by allows",
    Limit.LENDERS_ROOM: "sum over lenders of the nodes that fit in each one's room (explain lender NAME)",
    Limit.KEEP_FREE: "nodes that fit in room - keep_free",
    Limit.MAX_NODES: "limits.max_nodes",
    Limit.ENTITLEMENT: "nodes that fit in YARN's part of what both systems share (explain shares)",
    Limit.FORECAST: "sum over lenders of the nodes that fit in each one's lasting_room (explain lender NAME)",
    Limit.FORECAST_TOTAL: "nodes that fit in, CPU: usable - other_pools - bound_ratio x allocatable, "
    "memory: usable - other_pools - online; usable is the sum of what each lender may be loaded with "
    "(explain lender NAME), bound_ratio = expected_ratio + margin_ratio, of all together",
    Limit.HISTORY_UNKNOWN: "0: the load's history can't be read, so that nothing is known of what comes",
    Limit.SIGNAL_FROZEN: "0: the load signal isn't trusted",
    Limit.SIGNAL_SHRINKING: "held_when_lost x keep_ratio, rounded down",
    Limit.ONLINE_PODS_WAIT: "nodes that fit in room - keep_free - online_waiting",
    Limit.LABEL_MISSING: "0: the ResourceManager doesn't know the label",
    Limit.PAUSED: "0: paused",
    Limit.WORLD_UNKNOWN: "what is there: a part of the world is unknown",
    Limit.DEMAND: "nodes that YARN could use (explain demand)",
    Limit.DEMAND_UNKNOWN: "what is there: the demand is unknown",
    Limit.GROW_PER_TICK: "open_nodes + limits.grow_per_tick",
    Limit.COOL_DOWN: "what is there: limits.cool_down_s hasn't passed",
}
"""By limit."""

LENDER_ROOM = {
    "requests": "allocatable x (1 - margin_ratio) - online - other_pools",
    "usage": "CPU: allocatable x cap_ratio - used_millicores - other_pools; "
    "memory: allocatable x (1 - margin_ratio) - online, which are requests; "
    "where batch_room is set, never more than batch_room - other_pools",
}
"""How a lender's room is computed, by basis."""
OFFER = {
    "nodes": "the smallest of chain: how many may be there now",
    "ceiling": "the smallest of chain and growth: up to how many may be made anew",
    "lasting": "of nodes, how many the windows still allow after window.back_by",
    "staying": "sum over lenders of staying_nodes, and no more than fit by the total's forecast: how many the forecast "
    "leaves beyond staying_by",
    "holds_until": "the earlier of window.closes_at and, with a forecast, the tick's time + lend_for_s",
}
"""How the offer's own numbers follow from its two chains."""
SIZE = (
    "as many nodes as demand, offer.ceiling and open_nodes + grow_per_tick allow; fewer than open_nodes only once the "
    "surplus has lasted for cool_down_s, and none more for as long after a failed start"
)
"""How the target is found."""
DEMAND = "nodes = busy_nodes + filled_nodes + new_nodes; new_nodes hold what waits and fits on no idle or starting node"
"""How the demand is found."""
LENT = "lent: the shapes of all elastic nodes with a pod; used and containers: what YARN says of those that serve"
"""How what is lent and used is summed."""
USED_AS_SAMPLED = "the samples of this lender, as far as they are believed"
USED_OF_TOTAL = "the believed total x this lender's part of all allocatable CPU (explain load)"
"""How a lender's use is known: by itself, or from a total alone."""
NODES_FIT = "how often node_takes fits in room, at most pod_slots"
"""How many nodes a lender has room for."""
LASTING_ROOM = "the same with the forecast's bound in place of what is taken now, and never more than room"
STATEMENT = (
    "sums over the nodes with this deadline; vcores: of their shapes; free_vcores: vcores - expected.busy_vcores; that "
    "is of each task its vcores x how likely it still runs at told_at, the forced step (deadline - tail), from how "
    "long tasks of its application, else of its queue, else of all took; preempted_tasks: expected.tasks, the sum of "
    "these chances; lost_vcore_s: the same x the time each will have worked by then, and output that others still need"
)
"""How it is said beforehand what will come of a deadline."""
