"""The plugin answers with data and imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

from artifact_materializers import python as plugin
from artifact_plugins import Materializer
from artifact_plugins.contracts.abilities import DirectIO, UsesParts
from artifact_plugins.contracts.refs import find_type, load_target


def test_offers_agree_with_their_classes():
    """Each offer leads to a materializer of the same format."""
    offers = plugin.register_materializers()

    assert [offer.key for offer in offers] == ["python.document", "python.path", "python.stream"]
    for offer in offers:
        found = load_target(offer.target)
        assert issubclass(found, Materializer)
        assert found.format == offer.format


def test_documents_and_streams_have_their_abilities():
    """Documents and streams write files directly and take parts; paths need a folder."""
    document, path, stream = (
        load_target(offer.target)() for offer in plugin.register_materializers()
    )

    assert isinstance(document, DirectIO)
    assert isinstance(document, UsesParts)
    assert isinstance(stream, DirectIO)
    assert isinstance(stream, UsesParts)
    assert not isinstance(path, DirectIO)
    assert path.keeps_directory


def test_every_offered_type_exists():
    """Offered types are found, but for the three that `builtins` does not name."""
    unnamed = {"builtins:NoneType", "builtins:ellipsis", "builtins:NotImplementedType"}
    unnamed |= {"builtins:generator"}

    for offer in plugin.register_materializers():
        for path in set(offer.types) - unnamed:
            assert isinstance(find_type(path), type)


def test_asking_for_offers_imports_no_materializer():
    """The hook costs an import of the plugin folder alone."""
    code = (
        "import sys; from artifact_materializers import python as p; p.register_materializers()\n"
        "print(sorted(m for m in sys.modules if m.startswith('artifact_materializers.')),"
        " 'zoneinfo' in sys.modules, 'decimal' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert done.startswith("['artifact_materializers.python']")
