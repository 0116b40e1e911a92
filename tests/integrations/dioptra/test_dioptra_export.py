"""An exported folder runs in a real Dioptra engine that has never heard of artifact_plugins."""

from __future__ import annotations

import ast
import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from artifact_integrations.dioptra import export, use_interface
from artifact_materializers.numpy.array import ArrayMaterializer
from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_materializers.python.document import DocumentMaterializer
from artifact_materializers.tasks.csv_frame import CsvFrame
from artifact_materializers.tasks.directory import Directory
from artifact_materializers.tasks.image import ImageFile
from artifact_materializers.tasks.jsonl_records import JsonlRecords
from artifact_materializers.tasks.npz_arrays import NpzArrays
from artifact_materializers.tasks.parquet_frame import ParquetFrame
from artifact_materializers.tasks.text import TextFile
from artifact_plugins import ArtifactTask
from artifact_plugins.cli import main
from artifact_plugins.errors import InputError, PluginError

STEPS = """
from dioptra import pyplugs

@pyplugs.register
def make():
    {make}

@pyplugs.register
def look(value):
    with open("looked", "w") as file:
        file.write(repr(({look})))
"""
FRAME = "import pandas as pd; return pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})"
FRAME_SEEN = "type(value).__name__, value.to_dict('list'), str(value.dtypes['b'])"
CASES: dict[str, tuple[type, dict[str, Any], str, str]] = {
    "csv_frame": (CsvFrame, {"sep": ";", "compression": "gzip"}, FRAME, FRAME_SEEN),
    "parquet_frame": (ParquetFrame, {"compression": "gzip"}, FRAME, FRAME_SEEN),
    "pandas.frame": (FrameMaterializer, {"format": "parquet"}, FRAME, FRAME_SEEN),
    "jsonl_records": (JsonlRecords, {}, "return [{'a': 1}, {'b': [None]}]", "value"),
    "text": (TextFile, {"encoding": "utf-16"}, "return 'a\\r\\n\\u00e4'", "value"),
    "npz_arrays": (
        NpzArrays,
        {"compressed": True},
        "import numpy as np; return {'a': np.arange(3), 'b': np.eye(2)}",
        "{k: (v.dtype.str, v.tolist()) for k, v in value.items()}",
    ),
    "numpy.array": (
        ArrayMaterializer,
        {},
        "import numpy as np; return np.arange(6.0).reshape(2, 3)",
        "value.dtype.str, value.tolist()",
    ),
    "image": (
        ImageFile,
        {"format": "webp"},
        "import PIL.Image; return PIL.Image.new('RGB', (2, 1), (1, 2, 3))",
        "value.mode, value.size, value.tobytes()",
    ),
}


def camel(key: str) -> str:
    return "".join(part.capitalize() for part in key.replace(".", "_").split("_"))


def job_of(folder: Path, make: str, look: str, **more: Any) -> dict[str, Any]:
    steps = folder / "plugins" / "steps"
    steps.mkdir(parents=True)
    (steps / "__init__.py").touch()
    (steps / "work.py").write_text(STEPS.format(make=make, look=look))
    tasks = {
        "make": {"plugin": "steps.work.make", "outputs": {"value": "any"}},
        "look": {"plugin": "steps.work.look"},
    }
    return {
        "folder": str(folder),
        "artifact_plugins": [],
        "artifact_parameters": {},
        "experiment": {"types": {}, "parameters": {}, "tasks": tasks, **more},
    }


@pytest.mark.server
@pytest.mark.timeout(400)
@pytest.mark.parametrize("key", CASES)
def test_real_engine_produces_and_consumes(key: str, tmp_path: Path, run_job: Any) -> None:
    """One job serializes with the exported class, another, elsewhere, gets the value back."""
    cls, args, make, look = CASES[key]
    name, plugin = camel(key), "exported_plugin"
    exported = export(cls, tmp_path / "first" / "serialize" / plugin, key=key)

    producing = job_of(
        tmp_path / "first",
        make,
        look,
        graph={"made": {"make": []}, "seen": {"look": ["$made.value"]}},
        artifact_outputs={
            "kept": {"contents": "$made.value", "task": {"name": name, "args": args}}
        },
    )
    file = {"filename": "artifacts.py", "tasks": {"artifacts": [{"id": 1, "name": name}]}}
    whole = {"filename": "_snapshot.py", "tasks": {"artifacts": []}}
    producing["artifact_plugins"] = [{"name": plugin, "snapshotId": 2, "files": [file, whole]}]
    produced = run_job(producing)

    second = tmp_path / "second"
    shutil.copytree(exported, second / "deserialize" / "7_2")
    shutil.copytree(produced["artifacts"][0]["path"], second / "artifacts" / "5_6" / "kept")
    consuming = job_of(second, make, look, graph={"seen": {"look": ["$stored.value"]}})
    consuming["artifact_parameters"] = {"stored": parameter(name)}
    consumed = run_job(consuming)

    assert (second / "looked").read_text() == (tmp_path / "first" / "looked").read_text()
    assert not produced["has_artifact_plugins"]
    assert not consumed["has_artifact_plugins"]
    assert set(args) <= set(produced["validation"][name] or {})


def parameter(name: str) -> dict[str, Any]:
    return {
        "artifact_id": 5,
        "artifact_snapshot_id": 6,
        "artifact_uri": "mlflow-artifacts:/1/run/artifacts/kept/kept",
        "artifact_task": {
            "plugin_id": 7,
            "plugin_snapshot_id": 2,
            "file_name": "artifacts.py",
            "task_name": name,
            "outputs": [{"name": "value", "type": "any"}],
        },
    }


@pytest.mark.server
@pytest.mark.timeout(400)
def test_real_engine_refuses_changed_bytes(tmp_path: Path, run_job: Any) -> None:
    """A byte changed in a stored file fails the consuming job before anything is parsed."""
    exported = export(TextFile, tmp_path / "exported_plugin", key="text")
    classes = load(exported, "once")
    (tmp_path / "made").mkdir()
    made = classes.Text.serialize(tmp_path / "made", "kept", "hello")
    (made / "text.txt").write_text("jello")
    second = tmp_path / "second"
    shutil.copytree(exported, second / "deserialize" / "7_2")
    shutil.copytree(made, second / "artifacts" / "5_6" / "kept")
    job = job_of(second, "pass", "value", graph={"seen": {"look": ["$stored.value"]}})
    job["artifact_parameters"] = {"stored": parameter("Text")}

    with pytest.raises(Exception, match="not what was written; nothing was parsed"):
        run_job(job)

    assert not (second / "looked").exists()


# Without Dioptra: the same folder under the two names that a worker uses.


@pytest.fixture(autouse=True)
def _interface(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    use_interface()
    before, finders = set(sys.modules), list(sys.meta_path)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("_ap_", "once", "1_2", "exported_")):
            del sys.modules[name]
    sys.meta_path[:] = finders


def load(folder: Path, name: str) -> Any:
    """Import the exported `artifacts.py` below a package name of its own."""
    place = folder.parent / f"as_{name}"
    shutil.copytree(folder, place / name)
    sys.path.insert(0, str(place))
    try:
        importlib.invalidate_caches()
        return importlib.import_module(f"{name}.artifacts")
    finally:
        sys.path.remove(str(place))


@pytest.mark.parametrize("name", ["exported_plugin", "1_2"])
def test_folder_works_under_both_names_of_a_worker(tmp_path: Path, name: str) -> None:
    """A producer imports `<plugin>.artifacts`, a consumer `<id>_<snapshot>.artifacts`."""
    folder = export(CsvFrame, tmp_path / "exported_plugin", key="csv_frame")
    classes = load(folder, name)
    frame = pd.DataFrame({"a": [1, 2]})

    made = classes.CsvFrame.serialize(tmp_path, "kept", frame, sep=";")

    assert classes.CsvFrame.deserialize(working_dir=tmp_path, path=made.name).equals(frame)
    for file in folder.iterdir():
        assert "import artifact_plugins" not in file.read_text()
        ast.parse(file.read_text())


def test_same_code_gives_the_same_files(tmp_path: Path) -> None:
    """Exporting twice writes the same bytes, so one class is one plugin."""
    one = export(CsvFrame, tmp_path / "one", key="csv_frame")
    two = export(CsvFrame, tmp_path / "two", key="csv_frame")

    assert [f.read_bytes() for f in sorted(one.iterdir())] == [
        f.read_bytes() for f in sorted(two.iterdir())
    ]


def test_wrong_argument_leaves_nothing(tmp_path: Path) -> None:
    """An exported class refuses an argument before it makes its folder."""
    classes = load(export(CsvFrame, tmp_path / "exported_plugin", key="csv_frame"), "once")

    with pytest.raises(Exception, match="sepp"):
        classes.CsvFrame.serialize(tmp_path, "kept", pd.DataFrame(), sepp=";")

    assert not (tmp_path / "kept").exists()


def test_loading_changes_no_bytes(tmp_path: Path) -> None:
    """G19 in a worker: the class gets a private copy, and its path value stays readable."""
    classes = load(export(Directory, tmp_path / "exported_plugin", key="directory"), "once")
    (tmp_path / "value").mkdir()
    (tmp_path / "value" / "a").write_text("a")
    made = classes.Directory.serialize(tmp_path, "kept", tmp_path / "value")

    loaded = classes.Directory.deserialize(tmp_path, "kept")
    (loaded / "a").write_text("changed")

    assert sorted(file.name for file in loaded.iterdir()) == ["a"]
    assert (made / "a").read_text() == "a"


def test_manifest_cannot_name_a_class_to_import(tmp_path: Path) -> None:
    """A class that the embedded code does not import itself is refused, not imported."""
    classes = load(export(TextFile, tmp_path / "exported_plugin", key="text"), "once")
    made = classes.Text.serialize(tmp_path, "kept", "hello")
    manifest = json.loads((made / "manifest.json").read_text())
    (made / "manifest.json").write_text(json.dumps({**manifest, "data_type": "antigravity:X"}))

    with pytest.raises(TypeError, match="antigravity"):
        classes.Text.deserialize(tmp_path, "kept")

    assert "antigravity" not in sys.modules


EXECUTING = """
from artifact_materializers.tasks.text import TextFile

class Executing(TextFile):
    executes_on_load = True
"""


def test_executing_format_needs_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What executes on load is refused until somebody writes its digest into the file."""
    (tmp_path / "exported_executing.py").write_text(EXECUTING)
    monkeypatch.syspath_prepend(tmp_path)
    executing = importlib.import_module("exported_executing").Executing
    folder = export(executing, tmp_path / "exported_plugin", key="text")
    classes = load(folder, "once")
    classes.Text.serialize(tmp_path, "kept", "hello")

    with pytest.raises(PermissionError, match="TRUSTED") as caught:
        classes.Text.deserialize(tmp_path, "kept")

    digest = str(caught.value).split("'")[3]
    snapshot = sys.modules["once._snapshot"]
    vars(snapshot)["TRUSTED"] = (digest,)
    assert classes.Text.deserialize(tmp_path, "kept") == "hello"


def test_damaged_archive_is_refused(tmp_path: Path) -> None:
    """An export whose archive was changed imports nothing from it."""
    folder = export(TextFile, tmp_path / "exported_plugin", key="text")
    text = (folder / "_snapshot.py").read_text()
    start = text.index("ARCHIVE = '") + len("ARCHIVE = '") + 4000
    changed = "B" if text[start] != "B" else "C"
    (folder / "_snapshot.py").write_text(text[:start] + changed + text[start + 1 :])
    classes = load(folder, "once")

    with pytest.raises(ImportError, match="not the one that was exported"):
        classes.Text.serialize(tmp_path, "kept", "hello")


PROJECT = """
from pathlib import Path
from artifact_plugins import ArtifactTask
from {name}.words import shout
from . import other

class Shout(ArtifactTask):
    name = "shout"
    format = "shout/1"
    def serialize(self, value, directory, **parameters):
        from .sub.late import suffix
        (directory / ("a" + suffix)).write_text(shout(value))
    def deserialize(self, path, **parameters):
        import {name}.words
        return {name}.words.calm(path.read_text()) + other.TAIL
"""


def test_project_is_exported_with_what_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absolute and relative imports, late ones and sub-packages lead into the export."""
    project = tmp_path / "src" / "shop_exported"
    (project / "sub").mkdir(parents=True)
    (project / "__init__.py").write_text("")
    (project / "tasks.py").write_text(PROJECT.format(name="shop_exported"))
    (project / "words.py").write_text(
        "def shout(text): return text.upper()\ndef calm(text): return text.lower()\n"
    )
    (project / "other.py").write_text("TAIL = ''\n")
    (project / "sub" / "__init__.py").write_text("")
    (project / "sub" / "late.py").write_text("suffix = '.txt'\n")
    monkeypatch.syspath_prepend(project.parent)
    shout = importlib.import_module("shop_exported.tasks").Shout

    folder = export(shout, tmp_path / "exported_plugin", key="shout")
    for name in [name for name in sys.modules if name.startswith("shop_exported")]:
        monkeypatch.delitem(sys.modules, name)
    shutil.rmtree(project)
    classes = load(folder, "once")
    classes.Shout.serialize(tmp_path, "kept", "hi")

    assert classes.Shout.deserialize(tmp_path, "kept") == "hi"
    assert not [name for name in sys.modules if name.startswith("shop_exported")]


def test_two_exports_live_in_one_process(tmp_path: Path) -> None:
    """The private names hold the digest, so two exports share no module."""
    one = load(export(TextFile, tmp_path / "one", key="text"), "once")
    two = load(export(NpzArrays, tmp_path / "two", key="npz_arrays"), "once_more")

    one.Text.serialize(tmp_path, "text", "hello")
    two.NpzArrays.serialize(tmp_path, "arrays", {"a": np.eye(1)})

    assert one.Text.deserialize(tmp_path, "text") == "hello"
    assert two.NpzArrays.deserialize(tmp_path, "arrays")["a"].tolist() == [[1.0]]
    assert len({name.partition(".")[0] for name in sys.modules if name.startswith("_ap_")}) == 2


def local_class() -> type:
    class Local(ArtifactTask[Any]):
        name = "local"
        format = "local/1"

        def serialize(self, value: Any, directory: Path, **parameters: Any) -> None: ...

        def deserialize(self, path: Path, **parameters: Any) -> Any: ...

    return Local


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (str, "neither"),
        (DocumentMaterializer, "other materializers"),
        (local_class(), "function"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path: Path, given: type, named: str) -> None:
    """A class that no worker could run is refused, and nothing is written."""
    with pytest.raises(PluginError, match=named):
        export(given, tmp_path / "exported_plugin")

    assert not (tmp_path / "exported_plugin").exists()


def test_full_folder_is_refused(tmp_path: Path) -> None:
    """Nothing is ever written over."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.py").write_text("")

    with pytest.raises(InputError, match="not empty"):
        export(TextFile, tmp_path / "full")


def test_folder_that_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    """The name of the folder is the name of the plugin."""
    with pytest.raises(InputError, match="cannot be imported"):
        export(TextFile, tmp_path / "no-name")


def run(arguments: list[str]) -> Any:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.mark.parametrize(
    ("name", "cls"), [("csv_frame", "CsvFrame"), ("pandas.frame", "PandasFrame")]
)
def test_command_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, cls: str
) -> None:
    """`artifact-plugins export-task NAME FOLDER` writes the folder of either kind."""
    monkeypatch.chdir(tmp_path)

    assert not run(["export-task", name, "exported_plugin"])
    assert f"class {cls}(ArtifactTaskInterface)" in Path("exported_plugin/artifacts.py").read_text()


def test_command_refuses_unknown_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that nobody offers ends with its error, and nothing is written."""
    monkeypatch.chdir(tmp_path)

    assert run(["export-task", "csv_fram", "exported_plugin"])
    assert "csv_frame" in capsys.readouterr().err
    assert not Path("exported_plugin").exists()
