"""Handles of another run or session: imported, or refused by name."""

from __future__ import annotations

import pytest
from link_table import assert_complete, links_of, make, newest_run, states_of, use

import artifact_plugins as ap

pytestmark = pytest.mark.usefixtures("session")


def test_handle_of_an_earlier_run():
    """Its version is imported; a parameter value of that run is the value."""

    @ap.pipeline
    def first(a):
        return make(a), a

    @ap.pipeline
    def second():
        made, a = earlier.result
        return use(i=made, factor=a)

    earlier = first(4)
    run = second()

    assert links_of(run)["use"].given == [
        "TASK_OUTPUT_INPUT o@1 importer i [0]",
        "RUNTIME_VALUE_INPUT 4 none factor [0]",
    ]
    assert run.value() == 16


def test_handle_of_another_run_as_run_argument():
    """It is refused where the pipeline is called; no run is recorded."""

    @ap.pipeline
    def first():
        return make()

    @ap.pipeline
    def second(d):
        use(d)

    earlier = first()

    with pytest.raises(ap.ArtifactPluginsError, match=r"'d' got .* of another run.*\.version"):
        second(earlier.result)
    assert newest_run().id == earlier.id
    assert second(earlier.result.version).record.state == "SUCCEEDED"


def test_handle_of_another_session(tmp_path):
    """It is refused, nothing is called, and the run is complete."""

    @ap.pipeline
    def first():
        return make()

    @ap.pipeline
    def second():
        use(earlier.result)

    elsewhere = ap.Settings(
        store_url=str(tmp_path / "other"), ledger_url=f"sqlite:///{tmp_path / 'other.sqlite'}"
    )
    with ap.open_session(elsewhere):
        earlier = first()

    with pytest.raises(ap.ArtifactPluginsError, match=r"of another session.*ap\.value"):
        second()
    run = newest_run()
    assert states_of(run) == {"ROOT": "FAILED"}
    assert_complete(run)
