"""How many replicas so many people a day need: a computation, not a measurement."""

import math
from dataclasses import dataclass

REPLIES = 12
"Replies in a visit (assumed)."
PEAK = 0.12
"Share of a day's visits in its busiest hour (assumed)."
LOAD = 0.5
"Share of its capacity that a replica should carry in that hour, so that few people wait."
HOURS = 730
"In a month."


@dataclass(frozen=True)
class Plan:
    """What to run for so many people a day."""

    people: int
    rate: float
    "Replies a second in the busiest hour."
    replicas: int
    cost: float
    "A month, in the currency of the price."


def plan(people: int, capacity: float, price: float) -> Plan:
    """Replicas and their cost.

    Args:
        people: visits a day.
        capacity: replies a second of one replica, from `python -m train bench`.
        price: of one replica's machine for an hour.
    """
    rate = people * REPLIES * PEAK / 3600
    replicas = max(1, math.ceil(rate / (capacity * LOAD)))
    if people > 100 and replicas == 1:
        replicas = 2  # the second is for when the first one dies
    return Plan(people, rate, replicas, replicas * price * HOURS)


def table(capacity: float, price: float) -> str:
    """The table of scaling.md."""
    lines = ["| people a day | replies a second at the peak | replicas | cost a month |", "| --- | --- | --- | --- |"]
    for people in (10, 1_000, 100_000):
        p = plan(people, capacity, price)
        lines.append(f"| {p.people:,} | {p.rate:.3g} | {p.replicas} | {p.cost:,.0f} |")
    return "\n".join(lines)
