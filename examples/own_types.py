"""Several outputs, tags, metadata, and a typed object that comes back as it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).parent))

from scores import Score

import artifact_plugins as ap


@ap.step
def evaluate(
    samples: list[float],
) -> tuple[Annotated[Score, ap.Output("score", artifact_type="Metric")], Annotated[str, "verdict"]]:
    """Return two artifacts: a dataclass and a text."""
    score = Score(mean=sum(samples) / len(samples), worst=min(samples))
    ap.log_metadata({"samples": len(samples)}, output="score")
    return score, "good" if score.mean > 0.5 else "bad"


with ap.start_run("evaluation") as run:
    score, verdict = evaluate([0.4, 0.9, 0.7])

print(ap.value(score), ap.value(verdict), run["score"].metadata)
ap.save(ap.value(score), "score", tags=["reviewed"])
print(ap.load("score", version=2) == ap.load("score", version=1))
