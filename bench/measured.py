"""What a measurement came to, and how it is told."""

import dataclasses
import statistics


class BenchError(Exception):
    """The measurement cannot go on."""


@dataclasses.dataclass
class Outcome:
    name: str
    value: float
    unit: str
    limit: float
    detail: str
    enforced: bool = False  # the bench fails where it is over

    @property
    def within(self):
        return self.value <= self.limit


def median_ms(seconds):
    return statistics.median(seconds) * 1000


def spread(seconds):
    return f"{min(seconds) * 1000:.0f}-{max(seconds) * 1000:.0f} ms"


def report(outcomes):
    for outcome in outcomes:
        verdict = "within" if outcome.within else "OVER"
        digits = 2 if outcome.unit == "x" else 1 if 0 < outcome.value < 10 else 0
        shown = f"{outcome.value:.{digits}f}"
        limit = f"{outcome.limit:.{digits}f}"
        print(f"{outcome.name:40} {shown:>7} {outcome.unit:2}  limit {limit:>6} {outcome.unit:2}  {verdict:6}  "
              f"{outcome.detail}")
