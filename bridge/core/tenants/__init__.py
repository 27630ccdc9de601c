"""Who may have how much of both systems now: facts about queues and namespaces in, targets and promises out. Pure.

The rule itself is ``bridge.core.shares``; writing what follows from it into the systems is the controller's.
"""
