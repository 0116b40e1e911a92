"""Reads a run with the released client of KFP, which has no artifact API, as raw transport.

python raw_transport.py http://host:port RUN_ID   prints what it found as JSON
"""

import json
import sys
from typing import Any

import kfp_server_api  # type: ignore[import-untyped,import-not-found,unused-ignore]


def main(host: str, run_id: str) -> None:
    """Print the run, its tasks, links and artifacts, and how the typed classes see them."""
    client = kfp_server_api.ApiClient(kfp_server_api.Configuration(host=host))

    def call(path: str, **query: object) -> Any:
        return client.call_api(
            f"/apis/v2beta1{path}",
            "GET",
            query_params=list(query.items()),
            auth_settings=["Bearer"],
            response_type="object",
            header_params={"Accept": "application/json"},
            _return_http_data_only=True,
        )

    rows = call("/artifact_tasks", run_ids=run_id, page_size=200)["artifact_tasks"]
    ids = sorted({row["artifact_id"] for row in rows})
    typed = kfp_server_api.RunServiceApi(client).run_service_get_run(run_id)
    artifacts = {one: call(f"/artifacts/{one}") for one in ids}
    if hasattr(kfp_server_api, "ArtifactServiceApi"):
        service = kfp_server_api.ArtifactServiceApi(client)
        assert all(service.get_artifact(one).artifact_id == one for one in ids)
    print(
        json.dumps(
            {
                "run": {"id": typed.run_id, "name": typed.display_name, "state": typed.state},
                "tasks": call(f"/runs/{run_id}/tasks", page_size=200)["tasks"],
                "rows": rows,
                "artifacts": artifacts,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
