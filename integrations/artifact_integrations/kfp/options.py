"""The URL of a KFP backend, completed by the pod that this process runs in."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from artifact_plugins.errors import SettingsError
from artifact_plugins.transport import BackendUrl

from . import CREDENTIALS, OPTIONS
from .dialects import Dialect
from .pod import Pod, is_of_cluster

_LINK_FORMS = ("clean", "kfp")


@dataclass(frozen=True, slots=True)
class KfpOptions:
    """Where KFP is, and what of it is ours to fill.

    Attributes:
        url: Taken apart.
        namespace: Of new artifacts; None: the project of each run.
        run_id: The run of KFP that every run of ours is attached to; None: a
            run of its own for each, on servers that take such.
        task_id: The task of that run that ours are below; None: its root.
        dialect: What the server has to speak; None: it is asked.
        has_kfp_links: Whether links are sent as KFP itself would have recorded
            them, and not as they are.
    """

    url: BackendUrl
    namespace: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    dialect: Dialect | None = None
    has_kfp_links: bool = False

    @classmethod
    def parse(cls, text: str, pod: Pod | None = None) -> KfpOptions:
        """Take a URL apart; what it leaves open and the pod knows is taken from there.

        The task of the pod counts only inside the run of the pod.

        Raises:
            SettingsError: The URL is none, or has an option that KFP has not.
        """
        url = BackendUrl.parse(text, known=OPTIONS, credentials=CREDENTIALS)
        if not is_of_cluster(url.base):
            pod = None  # it runs in another KFP
        given = url.options
        run_id, task_id = given.get("run_id") or None, given.get("task_id") or None
        if pod is not None and task_id is None and run_id in (None, pod.run_id):
            run_id, task_id = pod.run_id, pod.task_id
        namespace = given.get("namespace") or (pod.namespace if pod else None) or None
        dialect = _one_of(url, "dialect", tuple(Dialect))
        return cls(
            url,
            namespace,
            run_id,
            task_id if run_id else None,
            Dialect(dialect) if dialect else None,
            _one_of(url, "links", _LINK_FORMS) == "kfp",
        )

    @property
    def complete_url(self) -> str:
        """The URL with what the pod added: what another process needs to deliver to the same place."""
        added = {"namespace": self.namespace, "run_id": self.run_id, "task_id": self.task_id}
        options = {**self.url.options, **{name: v for name, v in added.items() if v}}
        scheme, _, rest = self.url.base.partition("://")
        query = f"?{urlencode(options)}" if options else ""
        return f"{self.url.system}+{scheme}://{rest}/{query}"


def _one_of(url: BackendUrl, name: str, allowed: tuple[str, ...]) -> str | None:
    given = url.options.get(name)
    if given is not None and given not in allowed:
        raise SettingsError(
            f"the URL of backend kfp has {name}={given[:40]!r}",
            hint=f"it is one of {', '.join(allowed)}; nothing was opened",
        )
    return given
