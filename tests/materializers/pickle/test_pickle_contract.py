"""The pickle materializer passes the contract tests that every author inherits."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from pickle_samples import Holder, Model, Slotted, Text, module_function

from artifact_materializers.pickle import register_materializers
from artifact_materializers.pickle.object import PickleMaterializer
from artifact_plugins.contracts.abilities import DirectIO, LoadsSafely
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.testing import MaterializerContract


class TestPickle(MaterializerContract):
    materializer = PickleMaterializer

    def values(self):
        text = Text("rows")
        text.note = "checked"
        return [
            Model(),
            Model(200_000),
            Slotted(3),
            text,
            module_function,
            [1, None, ..., {"a": (True, b"x", 2.5)}],
            np.array([1, "a", None], dtype=object),
            np.asfortranarray(np.arange(60_000.0).reshape(2, -1)),
            type,
        ]

    def refused(self):
        return [Holder(threading.Lock()), threading.Lock()]


def test_offer_agrees_with_its_class():
    """Key, format and target of the offer are those of the class; it takes any object."""
    (offer,) = register_materializers()
    found = load_target(offer.target)

    assert found is PickleMaterializer
    assert (offer.key, offer.format, offer.types) == (
        "pickle.object",
        found.format,
        ("builtins:object",),
    )
    assert offer.keeps_subclasses
    assert found.executes_on_load
    assert not found.exact


def test_it_has_the_abilities_that_the_session_looks_for():
    """Files are written without a folder, and plain values are loaded without trust."""
    assert isinstance(PickleMaterializer(), DirectIO)
    assert isinstance(PickleMaterializer(), LoadsSafely)


@pytest.mark.parametrize("module", ["cloudpickle", "numpy", "pandas"])
def test_offering_imports_nothing_heavy(module):
    """The plugin answers its hook without the libraries that its work needs."""
    code = (
        "import sys, artifact_materializers.pickle as plugin; plugin.register_materializers(); "
        f"sys.exit({module!r} in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
