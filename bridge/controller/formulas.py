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
NODES_FIT = "elastic nodes that fit in room, at most pod_slots"
"""How many nodes a lender has room for."""
LASTING_ROOM = "the same with the forecast's bound in place of what is taken now, and never more than room"
