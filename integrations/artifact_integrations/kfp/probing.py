"""Whether a server has KFP's artifact API, and in which dialect."""

from __future__ import annotations

from artifact_plugins.contracts.backend import BackendInfo
from artifact_plugins.errors import BackendContractError, BackendRejectedError
from artifact_plugins.transport import HttpAnswer, unless_missing

from .api import SYSTEM, KfpApi
from .options import KfpOptions

_PRESENT = "At least one filter"


def probe(api: KfpApi, options: KfpOptions) -> BackendInfo:
    """Ask a server for what it is; nothing is written.

    Raises:
        BackendContractError: It has no artifact API, or in neither dialect, or
            not in the one that the URL wants, or it is no KFP.
        BackendRejectedError: The run or namespace of the URL is not there.
        BackendAuthError, BackendUnavailableError: As the transport says.
    """
    rows = api.ask("GET", "/artifact_tasks", expect=(200, 400, 404), page_size=1)
    if rows.status == 404 and rows.is_json:
        raise _unknown(rows, "no artifact API: release 2.17 and older have none")
    if rows.status != 400 or _PRESENT not in rows.text:
        raise _unknown(rows, f"{rows.text[:120]!r} where its artifact API would refuse")
    dialect = api.dialect
    health = api.health()
    is_multi_user = bool(health.get("multi_user"))
    _check_namespace(api, options, is_multi_user=is_multi_user)
    if options.run_id is not None:
        _check_run(api, options)
    facts = {"dialect": dialect.value, "mode": "multi-user" if is_multi_user else "single-user"}
    if options.namespace:
        facts["namespace"] = options.namespace
    if options.run_id:
        facts["run"] = options.run_id
    version = str(health.get("tag_name") or health.get("commit_sha") or "unknown")
    return BackendInfo(system=SYSTEM, version=version, facts=facts)


def look_again(api: KfpApi, options: KfpOptions) -> None:
    """Ask a server that was probed before, with one request, whether it is back.

    Raises:
        BackendError: As `probe`.
    """
    if options.run_id is not None:
        _check_run(api, options)
    elif options.namespace is not None:
        api.artifacts_page(namespace=options.namespace, page_size=1)
    else:
        api.health()


def _check_namespace(api: KfpApi, options: KfpOptions, *, is_multi_user: bool) -> None:
    # The token of a pod is bound to its run and may not list a namespace.
    if not is_multi_user or options.run_id is not None:
        return
    if options.namespace is None:
        raise BackendRejectedError(
            f"{SYSTEM} at {options.url.host} serves several users and needs a namespace",
            hint="write it into the URL: ?namespace=NAME; nothing was sent",
        )
    api.artifacts_page(namespace=options.namespace, page_size=1)


def _check_run(api: KfpApi, options: KfpOptions) -> None:
    assert options.run_id is not None
    run_id = options.run_id
    run = unless_missing(lambda: api.run(run_id))
    if run is None:
        raise no_such_run(run_id)
    if run.get("run_id") not in (None, options.run_id):
        raise BackendContractError(
            f"{SYSTEM} answered with run {run.get('run_id')!r} when asked for {options.run_id!r}",
            hint="nothing was sent",
        )


def no_such_run(run_id: str) -> BackendRejectedError:
    """Return the error for a run of the URL that the server does not have."""
    return BackendRejectedError(
        f"{SYSTEM} has no run {run_id!r}",
        hint="name a run that is there: ?run_id=ID; the ledger has the records",
        status=404,
    )


def _unknown(answer: HttpAnswer, what: str) -> BackendContractError:
    return BackendContractError(
        f"{SYSTEM} answered {answer.request} with {what}",
        hint="the server has to be of a version with the artifact API of August 2026; "
        "the ledger has the records",
        status=answer.status,
    )
