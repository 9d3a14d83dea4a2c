"""Counts, as a table for people and for the docs."""

from dataclasses import dataclass, field

from tests.cluster.crash.points import Verdict

HEAD = "| workload | requests | points | Jobs | Jobs per attempt | lost | stuck | otherwise wrong |"
LINE = "|---|---|---|---|---|---|---|---|"


@dataclass
class Row:
    """What was counted of one workload; `missed` points were not reached."""

    name: str
    requests: int = 0
    points: int = 0
    missed: int = 0
    created: int = 0
    tries: int = 0
    most: int = 0
    lost: int = 0
    stuck: int = 0
    wrong: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        """Count a point."""
        self.points += verdict.reached
        self.missed += not verdict.reached
        self.created += verdict.created
        self.tries += verdict.tries
        self.most = max(self.most, verdict.most)
        self.lost += len(verdict.lost)
        self.stuck += len(verdict.stuck)
        self.wrong += bool(verdict.wrong)

    def __str__(self) -> str:
        per = f"{self.created / self.tries:g}" if self.tries else "no Job"
        if self.most > 1:
            per += f", at most {self.most}"
        cells = (self.requests, self.points, self.created, per, self.lost, self.stuck, self.wrong)
        return f"| {self.name} | {' | '.join(str(each) for each in cells)} |"


def render(rows: list[Row]) -> str:
    """Return the table, with a sum."""
    total = Row("all")
    for row in rows:
        for name in ("requests", "points", "missed", "created", "tries", "lost", "stuck", "wrong"):
            setattr(total, name, getattr(total, name) + getattr(row, name))
        total.most = max(total.most, row.most)
    lines = [HEAD, LINE, *(str(row) for row in [*rows, total])]
    if total.missed:
        lines.append(f"\n{total.missed} points were not reached: the command had ended before.")
    return "\n".join(lines)
