"""Who calls, and what they may do.

Single-user: everybody who is let in may do everything. Multi-user: the user is
named by a header, and `grants` say in which namespaces they may read or write.
With a shared token every call needs it as `Authorization: Bearer`; a run-scoped
token is made from it and works only where the server knows the run.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from artifact_plugins.faces.kfp.refusals import denied, unauthenticated

USER_HEADER = "kubeflow-userid"
_READS = frozenset({"get", "list"})
_RUN_TOKEN = "run:"  # noqa: S105  # how such tokens begin


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        user: As the header names them; empty in single-user mode.
        bound_run: The only run that their token is good for.
    """

    user: str = ""
    bound_run: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server.

    Attributes:
        is_multi_user: Whether namespaces are told apart.
        grants: Namespaces by user; the value says whether they may write there.
        token: The shared secret; None lets everybody in.
    """

    is_multi_user: bool = False
    grants: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)

    def caller(self, authorization: str, user: str) -> Caller:
        """Return who calls.

        Args:
            authorization: The header of that name.
            user: The header that names the user.

        Raises:
            Refusal: 401 for a wrong or missing token or user.
        """
        bound_run = None
        if self.token is not None:
            scheme, _, given = authorization.partition(" ")
            if scheme.lower() != "bearer" or not given:
                raise unauthenticated("Request header error: there is no bearer token")
            given = given.strip()
            bound_run = self._run_of(given)
            if bound_run is None and not _is_same(given, self.token):
                raise unauthenticated("Failed to authenticate token review")
        if not self.is_multi_user or bound_run is not None:
            return Caller("", bound_run)
        if not user:
            raise unauthenticated("Request header error: there is no user identity header")
        return Caller(user, None)

    def authorize(self, caller: Caller, what: str, namespace: str, run_id: str | None) -> None:
        """Refuse what a caller may not do.

        Args:
            what: Resource and verb: `artifacts/create`.
            run_id: The run that the request is bound to; None when it is to none.

        Raises:
            Refusal: 403.
        """
        if caller.bound_run is not None:
            if run_id is None:
                raise unauthenticated("the runtime token is not valid for this request")
            if run_id != caller.bound_run:
                raise denied("The runtime token is bound to a different pipeline run")
            return
        if not self.is_multi_user:
            return
        resource, _, verb = what.partition("/")
        may_write = self.grants.get(caller.user, {}).get(namespace)
        if may_write is None or not (may_write or verb in _READS):
            raise denied(
                f"User '{caller.user}' is not authorized to {verb} {resource} "
                f"in namespace '{namespace}'"
            ).within(
                f"Failed to access resource. Check if you have access to namespace {namespace}"
            )

    def _run_of(self, given: str) -> str | None:
        if self.token is None or not given.startswith(_RUN_TOKEN):
            return None
        run_id = given[len(_RUN_TOKEN) :].rpartition(":")[0]
        return run_id if _is_same(given, run_token(self.token, run_id)) else None


def run_token(token: str, run_id: str) -> str:
    """Return the token that is good for one run, for who holds the shared one."""
    digest = hmac.new(token.encode(), f"kfp-run:{run_id}".encode(), hashlib.sha256).hexdigest()
    return f"{_RUN_TOKEN}{run_id}:{digest}"


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
