"""Reads one document with MLTE's own client; run by the tests in MLTE's environment."""

# mypy: disable-error-code="import-not-found"
# MLTE is installed in an environment of its own.

from __future__ import annotations

import json
import sys
from urllib.parse import urlsplit

from mlte.artifact.type import ArtifactType
from mlte.context.context import Context
from mlte.evidence.types.opaque import Opaque
from mlte.store.artifact.factory import create_artifact_store
from mlte.store.artifact.store_session import ManagedArtifactSession
from mlte.store.base import StoreURI
from mlte.store.query import Query, TypeFilter

asked = json.load(sys.stdin)
place = urlsplit(asked["url"])
# Only the artifact store: MLTE's set_store fails against its own backend, see the pins.
store = create_artifact_store(StoreURI.from_string(f"http://admin:admin1234@{place.netloc}"))
model, version, identifier = asked["external_id"].split("/")
with ManagedArtifactSession(store.session()) as session:
    read = session.artifact_mapper.read(identifier, (model, version))
    query = Query(filter=TypeFilter(item_type=ArtifactType.EVIDENCE))
    found = session.artifact_mapper.search(query, (model, version))
case = identifier.removeprefix("evidence.")
evidence = Opaque.load_with(case, context=Context(model, version), store=store)
again = Opaque.load_with(case, context=Context(model, version), store=store)
body_and_header = json.loads(read.to_json_string())
body = body_and_header["body"]
print(
    json.dumps(
        {
            "class": read.body.evidence_class,
            "data": evidence.data,
            "loaded_twice": evidence == again,
            "facts": body["metadata"]["measurement"]["additional_data"],
            "measurement": [
                body["metadata"]["measurement"]["measurement_class"],
                body["metadata"]["measurement"]["output_class"],
            ],
            "header": body_and_header["header"],
            "found_by_type": len(found),
        }
    )
)
