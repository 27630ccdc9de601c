"""Pure decisions: from a snapshot of both systems to a plan, with a reason for every number.

Nothing here does I/O, reads a clock or makes an id: time, chance and memory arrive in the snapshot.
"""
