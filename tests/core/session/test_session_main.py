"""Classes of a running script: what another program could not find is not saved."""

from __future__ import annotations

import subprocess
import sys

import pytest

import artifact_plugins as ap
from artifact_plugins.errors import PluginError

SCRIPT = """
import json, sys
import artifact_plugins as ap
{classes}
try:
    ap.save({value}, "it", materializer={materializer})
except ap.ArtifactPluginsError as error:
    sys.exit(f"{{type(error).__name__}}: {{error}}")
"""

CLASSES = """
class Blob:
    def __init__(self, size): self.size = size
    def __eq__(self, other): return self.size == other.size

class BlobMaterializer(ap.Materializer):
    format = "blob/1"
    def save(self, value, directory):
        (directory / "blob.json").write_text(json.dumps(getattr(value, "size", value)))
    def load(self, directory, data_type):
        found = json.loads((directory / "blob.json").read_text())
        return Blob(found) if data_type is Blob else found
"""

MODULE = "import json\nimport artifact_plugins as ap\n" + CLASSES


def run(tmp_path, value, materializer, classes):
    """Run a script of its own and return what it said last."""
    (tmp_path / "blobs.py").write_text(MODULE)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(value=value, materializer=materializer, classes=classes))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    return done.returncode, done.stderr


def test_class_of_the_script_is_refused(tmp_path):
    """Another script could have another class of that name."""
    code, said = run(
        tmp_path,
        "Blob(4)",
        "BlobMaterializer",
        "from blobs import *\n" + CLASSES.split("class BlobM", maxsplit=1)[0],
    )

    assert code == 1
    assert "NotSerializableError" in said
    assert "move it to a module" in said


def test_materializer_of_the_script_is_refused(tmp_path):
    """Nobody else could load with it."""
    code, said = run(tmp_path, "4", "BlobMaterializer", CLASSES)

    assert code == 1
    assert "PluginError" in said
    assert "move it to a module" in said


def test_classes_of_a_module_are_saved(tmp_path):
    """Negative control: the same classes in a module are fine."""
    code, said = run(tmp_path, "Blob(4)", "BlobMaterializer", "from blobs import *")

    assert (code, said) == (0, "")


@pytest.mark.parametrize("wrong", [object(), 7, ["x"]])
def test_what_is_no_materializer_is_named(session, wrong):
    """An instance or a module instead of the class is the likeliest slip."""
    with pytest.raises(PluginError, match="without parentheses"):
        session.save(1, "x", materializer=wrong)
    with pytest.raises(ap.ArtifactPluginsError, match="without parentheses"):
        ap.Output("x", materializer=wrong)
