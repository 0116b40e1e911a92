"""What each of the four backends says that it can do, and what its methods do."""

from __future__ import annotations

from typing import Any

import pytest

from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_integrations.kfp.backend import KfpBackend
from artifact_integrations.mlte.backend import MlteBackend
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins.contracts.backend import Backend, BackendOperation, RemoteQuery
from artifact_plugins.errors import UnsupportedByBackendError

# Nobody listens there: what is refused is refused without a request.
URLS: dict[type[Backend], str] = {
    DioptraBackend: "dioptra+http://127.0.0.1:9/?mlflow=http://127.0.0.1:9",
    KfpBackend: "kfp+http://127.0.0.1:9/",
    MlteBackend: "mlte+http://127.0.0.1:9/",
    ZenMLBackend: "zenml+http://127.0.0.1:9/",
}
CALLS: dict[BackendOperation, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    BackendOperation.UPDATE_TAGS: ("update_version", ("1",), {"tags": ["raw"]}),
    BackendOperation.UPDATE_METADATA: ("update_version", ("1",), {"metadata": {"a": 1}}),
    BackendOperation.UPDATE_DESCRIPTION: ("update_version", ("1",), {"description": "d"}),
    BackendOperation.DELETE_VERSION: ("delete_version", ("1",), {}),
    BackendOperation.PRUNE: ("prune", (RemoteQuery(),), {}),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("kind", URLS)
def test_what_a_backend_says_is_what_it_does(
    kind: type[Backend], operation: BackendOperation
) -> None:
    """What is not supported is refused with its reason; what is supported has a method of its own."""
    name, arguments, options = CALLS[operation]
    backend = kind(URLS[kind])
    ability = backend.abilities[operation]

    if ability.is_supported:
        assert getattr(kind, name) is not getattr(Backend, name)
        return
    with pytest.raises(UnsupportedByBackendError) as caught:
        getattr(backend, name)(*arguments, **options)
    assert ability.how in caught.value.message


@pytest.mark.parametrize("kind", URLS)
def test_the_other_operations_are_asked_of_every_backend(kind: type[Backend]) -> None:
    """Every other operation is a method that each backend must have; none of them is left out."""
    abstract = {"deliver_run", "deliver_task", "deliver_version", "version", "versions", "links"}

    assert abstract <= Backend.__abstractmethods__
    assert not kind.__abstractmethods__
    assert set(kind.abilities) == set(BackendOperation)
