"""Tasks in the form of another system: their runs are read once, and after that only what is new."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from artifact_plugins.contracts.rendering import RenderedParameter, RenderedTask
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import ArtifactTaskLink, LinkQuery, Page, Task, TaskQuery, every

if TYPE_CHECKING:
    from artifact_plugins.compat import KfpParameter

_PAGE = 1000
# So many links of the end of a run are read again for each task.
_FEW = 20
_RUNS = 4


class Renderings:
    """The runs whose tasks are sent in another form. Threads share it.

    Args:
        ledger: Where they lie.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def task(self, task: Task) -> RenderedTask:
        """Return a task as another system itself would have recorded it.

        Raises:
            LedgerError: Its run cannot be read.
        """
        with self._lock:
            run = self._runs.pop(task.run_id, None) or _Run(self._ledger, task.run_id)
            self._runs[task.run_id] = run
            if len(self._runs) > _RUNS:
                self._runs.popitem(last=False)
        return run.task(task)

    def let_go(self, run_id: str) -> None:
        """Forget a run that has ended; one that goes on is asked for again soon."""
        if run_id in self._runs and self._ledger.run(run_id).ended_at is not None:
            with self._lock:
                self._runs.pop(run_id, None)


class _Run:
    """What of one run was read so far."""

    def __init__(self, ledger: Ledger, run_id: str) -> None:
        from artifact_plugins.compat import KfpRendering  # late: few ask for it

        self._ledger = ledger
        self._query = LinkQuery(run_id=run_id)
        self._lock = threading.Lock()
        self._rendering = KfpRendering()
        self._token: str | None = None
        self._seen: set[str] = set()  # of the last page, which is read again

    def task(self, task: Task) -> RenderedTask:
        """Return a task with what is known by now."""
        with self._lock:
            self._read_on()
            self._add([task], ())
            row, links = self._rendering.task(task)
        return RenderedTask(
            type=row.type.value, links=links, inputs=_own(row.inputs), outputs=_own(row.outputs)
        )

    def _read_on(self) -> None:
        while True:
            page = self._page(_PAGE)
            new = [link for link in page if link.id not in self._seen]
            if new:
                wanted = {link.task_id for link in new}.difference(self._rendering.known)
                self._add(self._tasks(wanted), new)
            if page.next_token is None:
                break
            self._token, self._seen = page.next_token, set()
        self._seen = {link.id for link in page}
        if len(page) > _FEW:
            # Only its last link is read again then.
            self._token, self._seen = self._page(len(page) - 1).next_token, {page[-1].id}

    def _page(self, limit: int) -> Page[ArtifactTaskLink]:
        return self._ledger.links(self._query, limit=limit, page_token=self._token)

    def _add(self, tasks: Iterable[Task], links: Sequence[ArtifactTaskLink]) -> None:
        """Take in links, and tasks with all that are above them."""
        known, found = self._rendering.known, list(tasks)
        above = {task.parent_id for task in found if task.parent_id is not None}
        while missing := above.difference(known, [task.id for task in found]):
            groups = self._tasks(missing)
            found += groups
            above = {task.parent_id for task in groups if task.parent_id is not None}
        new = [task for task in found if task.id not in known]
        if new or links:
            self._rendering.add(new, links)

    def _tasks(self, ids: Iterable[str]) -> list[Task]:
        wanted = tuple(ids)
        return list(every(self._ledger.tasks, TaskQuery(ids=wanted))) if wanted else []


def _own(parameters: Iterable[KfpParameter]) -> tuple[RenderedParameter, ...]:
    return tuple(
        RenderedParameter(one.value, one.io_type, one.parameter_key, one.producer)
        for one in parameters
    )
