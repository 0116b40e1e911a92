"""Every filter, sort, page and search parameter of four systems can be said, and finds the same."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from artifact_plugins.ledger.filters.fields import KINDS
from artifact_plugins.records import Batch, IOType, TaskType, every

DOCS = Path(__file__).parents[4] / "docs"
ROWS = tomllib.loads((DOCS / "queries.toml").read_text(encoding="utf-8"))["row"]


class Shop:
    """A run that loads flights and fits a model, a second model by hand, notes elsewhere."""

    def __init__(self, ledger, make) -> None:
        self.ledger = ledger
        run = make.run(name="train-1", pipeline="train")
        load = make.task(run, "flights", type=TaskType.IMPORTER)
        fit = make.task(run, "fit")
        drafts = [
            make.draft(
                "flights",
                artifact_type="Dataset",
                data_type="pandas:DataFrame",
                materializer="materializers.pandas",
                uri="s3://bucket/flights",
                description="January of 2026",
                tags=("raw",),
                size_bytes=10,
                created_at=datetime(2026, 1, 1, tzinfo=UTC),
                run_id=run.id,
                task_id=load.id,
            ),
            make.draft(
                "model",
                artifact_type="Model",
                version_name="v1",
                uri="file:///data/model_1",
                tags=("prod",),
                metadata={"rmse": 0.5, "model": "churn", "trained": {"rows": 3}},
                size_bytes=20,
                created_at=datetime(2026, 2, 1, tzinfo=UTC),
                created_by="ada",
                run_id=run.id,
                task_id=fit.id,
            ),
            make.draft(
                "model",
                artifact_type="Model",
                uri="file:///data/model_2",
                tags=("prod", "best"),
                metadata={"rmse": 0.2},
                size_bytes=30,
                created_at=datetime(2026, 3, 1, tzinfo=UTC),
                updated_at=datetime(2026, 3, 5, tzinfo=UTC),
            ),
            make.draft("notes", project="other"),
        ]
        flights, first, second, _ = (draft.version.id for draft in drafts)
        links = (
            make.link(load, IOType.OUTPUT, "flights", version_id=flights, producer="flights"),
            make.link(
                fit, IOType.TASK_OUTPUT_INPUT, "frame", version_id=flights, producer="flights"
            ),
            make.link(fit, IOType.COMPONENT_INPUT, "rate", value=0.5),
            make.link(fit, IOType.OUTPUT, "model", version_id=first, producer="fit"),
        )
        ledger.write(Batch(runs=(run,), tasks=(load, fit), versions=tuple(drafts), links=links))
        self.ids = {
            "FLIGHTS": flights,
            "MODEL1": first,
            "MODEL2": second,
            "RUN": run.id,
            "FIT": fit.id,
        }

    def ask(self, row):
        """Ask what a row says; return what is found as text."""
        where = re.sub(r'"([A-Z]+\d?)"', self._id, row.get("where", ""))
        values = {
            name: [self.ids[one] for one in many] for name, many in row.get("values", {}).items()
        }

        def search(text, **how):
            return self.ledger.search(
                row.get("kind", "versions"),
                text,
                order_by=row.get("order_by"),
                project="default",
                values=values,
                **how,
            )

        limit, start = row.get("limit", 100), row.get("offset")
        if start is not None:
            found = list(islice(every(search, where), start, start + limit))
        else:
            token = None
            for _ in range(row.get("page", 1)):
                page = search(where, limit=limit, page_token=token)
                token = page.next_token
            found = list(page)
        return " ".join(getattr(one, "key", None) or str(one) for one in found)

    def _id(self, found):
        return f'"{self.ids.get(found[1], found[1])}"'


@pytest.fixture
def shop(ledger, make):
    return Shop(ledger, make)


def test_every_row_finds_what_it_says(shop):
    """Each row of the table of parameters finds the records that the parameter would."""
    wrong = {
        f"{row['system']} {row['parameter']}": (found, row["expect"])
        for row in ROWS
        if (found := shop.ask(row)) != row["expect"]
    }

    assert wrong == {}


def test_a_wrong_row_is_noticed(shop):
    """The test above fails for a row that finds something else."""
    assert shop.ask({"where": 'name == "model"'}) != "flights@1"


def test_the_page_shows_these_rows():
    """The table of the page is made of the rows that are tested, each with its expression."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    page = (DOCS / "queries.md").read_text(encoding="utf-8")

    shown = re.findall(
        r"^\| (KFP artifacts|KFP artifact_tasks|ZenML|MLTE|Dioptra) \| (.*?) \|", page, re.MULTILINE
    )

    assert generator.queries_page() == page
    assert [list(pair) for pair in shown] == [[row["system"], row["parameter"]] for row in ROWS]
    assert all(row.get("where", "") in page.replace("\\|", "|") for row in ROWS)


@pytest.mark.parametrize(
    ("system", "parameters"),
    [
        ("KFP artifacts", "namespace page_token page_size sort_by filter"),
        (
            "KFP artifact_tasks",
            "task_ids run_ids artifact_ids type page_token page_size sort_by filter",
        ),
        ("KFP artifacts", "EQUALS NOT_EQUALS GREATER_THAN GREATER_THAN_EQUALS LESS_THAN"),
        ("KFP artifacts", "LESS_THAN_EQUALS IN IS_SUBSTRING"),
        (
            "ZenML",
            "hydrate sort_by logical_operator page size id created updated run_metadata tag tags "
            "scope_user user project artifact artifact_id version version_number uri materializer "
            "type data_type artifact_store_id model_version_id only_unused has_custom_name model "
            "pipeline_run",
        ),
        ("MLTE", "all none identifier type property and or limit offset"),
        ("Dioptra", "group_id index page_length sort_by descending search"),
    ],
)
def test_every_parameter_of_the_systems_has_a_row(system, parameters):
    """No parameter of the four lists is missing from the table."""
    known = " ".join(row["parameter"] for row in ROWS if row["system"] == system)

    missing = [name for name in parameters.split() if name not in re.findall(r"\w+", known)]

    assert missing == []


def test_every_field_and_function_is_on_the_page():
    """The page names every field and function of each kind in its row."""
    page = (DOCS / "queries.md").read_text(encoding="utf-8")

    missing = [
        f"{kind.name}.{name}"
        for kind in KINDS.values()
        for row in re.findall(rf"^\| {kind.name} \|(.*)$", page, re.MULTILINE)
        for name in (*kind.fields, *kind.functions)
        if name != "artifact" and f"`{name}`" not in row
    ]

    assert missing == []
    assert set(re.findall(r"^\| (\w+) \| `id`", page, re.MULTILINE)) == set(KINDS)
