"""Runs as OpenLineage events, for Marquez, DataHub and every other reader of that standard.

events.py      run_events: records of a run -> START, COMPLETE and FAIL events
collecting.py  collect: reads the records of a run from a session
emitting.py    emit: to a file, a URL, or where OPENLINEAGE_* says
datasets.py    artifact versions and links as input and output datasets
facets.py      what the standard has no field for: link types, parameters, tasks

    from artifact_integrations.openlineage import collect, emit, run_events

    with ap.open_session() as session:
        emit(run_events(*collect(session, run.id)), "http://localhost:5000")
"""

from artifact_integrations.openlineage.collecting import collect, draw
from artifact_integrations.openlineage.emitting import emit, to_json_lines
from artifact_integrations.openlineage.events import run_events

__all__ = ["collect", "draw", "emit", "run_events", "to_json_lines"]
