"""One tick after another: observe, decide, plan, check, act, record."""
