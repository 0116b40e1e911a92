"""Explanation: how a type found its materializer, as records and as text for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artifact_plugins.contracts.refs import type_path
from artifact_plugins.errors import MaterializerError
from artifact_plugins.plugins.choice import Choice
from artifact_plugins.plugins.index import Level

if TYPE_CHECKING:
    from artifact_plugins.plugins.task_choice import TaskChoice


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk.

    Attributes:
        rule: `output`, `artifact task`, `settings`, `class`, `base`, `kind` or `any object`.
        subject: Import path of the class looked at, or the kind.
        considered: Keys of the offers that claim it.
        outcome: What came of it, in words.
        is_taken: Whether this step decided.
    """

    rule: str
    subject: str
    considered: tuple[str, ...]
    outcome: str
    is_taken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The walk from a type to its materializer, or to the reason why there is none.

    Attributes:
        data_type: Import path of the type.
        steps: In the order in which they were taken.
        choice: The materializer; None when there is none.
        error: Why there is none; what saving such a value raises.
        task: The artifact task that the settings name instead.
    """

    data_type: str
    steps: tuple[Step, ...]
    choice: Choice | None = None
    error: MaterializerError | None = None
    task: TaskChoice | None = None

    def text(self) -> str:
        """Return the walk as lines, one per step, and the result as the last one."""
        wide_rule = max((len(step.rule) for step in self.steps), default=0)
        wide_subject = max((len(step.subject) for step in self.steps), default=0)
        lines = [self.data_type]
        for number, step in enumerate(self.steps, 1):
            mark = "*" if step.is_taken else " "
            lines.append(
                f"{mark}{number:>2}  {step.rule:<{wide_rule}}  {step.subject:<{wide_subject}}  "
                f"{step.outcome}"
            )
        lines.append(f"=> {self._result()}")
        return "\n".join(lines)

    def _result(self) -> str:
        if self.task is not None:
            return f"artifact task {self.task}"
        if self.choice is None:
            return f"error[{self.error.code}]: {self.error}" if self.error else "nothing"
        offer = self.choice.offer
        return f"{self.choice}" + (f", format {offer.format}" if offer else "")


def explained(
    cls: type,
    levels: Iterable[Level],
    found: Choice | MaterializerError,
    *,
    entries: Iterable[str] = (),
) -> Explanation:
    """Put the levels of a walk and its result into words.

    Args:
        entries: Import paths that `Settings.materializers` has.
    """
    steps = [
        Step(
            "output",
            type_path(cls),
            (),
            "an Output(materializer=...) or Output(task=...) would win",
        ),
        *(_step(level) for level in levels),
    ]
    if not any(step.rule == "settings" for step in steps):
        import difflib  # late: as in `refusals`

        near = difflib.get_close_matches(type_path(cls), list(entries), n=1)
        detail = "no entry in Settings.materializers" + (f", which has {near[0]!r}" if near else "")
        steps.insert(1, Step("settings", type_path(cls), (), detail))
    return Explanation(
        data_type=type_path(cls),
        steps=tuple(steps),
        choice=found if isinstance(found, Choice) else None,
        error=found if isinstance(found, MaterializerError) else None,
    )


def _step(level: Level) -> Step:
    subject = level.subject if isinstance(level.subject, str) else type_path(level.subject)
    words = [f"{choice} {reason}" for choice, reason in level.refused]
    if len(level.taken) == 1:
        words.insert(0, f"{level.taken[0]} is taken")
    elif level.taken:
        words.insert(0, "a tie: " + ", ".join(map(str, level.taken)))
    return Step(
        rule=level.rule,
        subject=subject,
        considered=tuple(
            choice.key for choice in (*level.taken, *(choice for choice, _ in level.refused))
        ),
        outcome="; ".join(words) or "no offer",
        is_taken=len(level.taken) == 1,
    )
