"""From the text of a setting, or an executor, to a runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from artifact_plugins.contracts.offers import RuntimeOffer
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.contracts.runtime import Runtime
from artifact_plugins.errors import SettingsError
from artifact_plugins.runtimes.inline import InlineRuntime

_OWN = ("inline", "threads", "processes")


def make_runtime(wanted: Any, offers: Mapping[str, RuntimeOffer]) -> Runtime:
    """Return the runtime of a setting.

    Args:
        wanted: `inline`, `threads`, `threads:8`, `processes`, `processes:4`,
            a URL `scheme://...` of an offer, or an `Executor`.
        offers: What plugins offer, by scheme.

    Raises:
        SettingsError: There is no such runtime.
        PluginError: The runtime of a plugin cannot be imported.
    """
    if wanted == "inline":
        return InlineRuntime()
    # late: concurrent.futures costs an inline run more than it does itself
    from artifact_plugins.runtimes.executors import (
        ExecutorRuntime,
        ProcessesRuntime,
        ThreadsRuntime,
        workers_of,
    )

    if not isinstance(wanted, str):
        return ExecutorRuntime(wanted)
    name, _, rest = wanted.partition(":")
    if name == "threads":
        return ThreadsRuntime(workers_of(rest, wanted))
    if name == "processes":
        return ProcessesRuntime(workers_of(rest, wanted))
    if name in offers and rest.startswith("//"):
        made: Runtime = load_target(offers[name].target)(wanted)
        return made
    known = [*_OWN, *(f"{scheme}://..." for scheme in sorted(offers))]
    raise SettingsError(f"there is no runtime {wanted!r}", hint=f"there are {known}")
