"""Who gets how much: per-resource, hierarchical, weighted max-min with tiers, exact, and with a certificate."""

from bridge.core.shares.explain import Link, explain
from bridge.core.shares.history import HistoryPolicy, PastUse, effective_weights
from bridge.core.shares.problem import Amount, Amounts, BadTree, Problem, Queue, ReclaimPolicy, ShareMode
from bridge.core.shares.reclaim import reclaim
from bridge.core.shares.solution import Binding, Level, Solution
from bridge.core.shares.solve import solve
from bridge.core.shares.tree import Correction, Tree
from bridge.core.shares.update import Solver

__all__ = [
    "Amount",
    "Amounts",
    "BadTree",
    "Binding",
    "Correction",
    "HistoryPolicy",
    "Level",
    "Link",
    "PastUse",
    "Problem",
    "Queue",
    "ReclaimPolicy",
    "ShareMode",
    "Solution",
    "Solver",
    "Tree",
    "effective_weights",
    "explain",
    "reclaim",
    "solve",
]
