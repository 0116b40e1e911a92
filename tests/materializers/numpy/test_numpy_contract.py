"""The numpy materializers pass the contract tests that every author inherits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from artifact_materializers.numpy import register_materializers
from artifact_materializers.numpy.array import ArrayMaterializer, RecarrayMaterializer
from artifact_materializers.numpy.dtype import DtypeMaterializer
from artifact_materializers.numpy.masked import MaskedMaterializer
from artifact_materializers.numpy.scalar import ScalarMaterializer
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.testing import MaterializerContract


class TestArray(MaterializerContract):
    materializer = ArrayMaterializer

    def values(self):
        return [
            np.arange(100_000.0),
            np.asfortranarray(np.arange(6).reshape(2, 3)),
            np.array([np.nan, -0.0]),
            np.array(["2020", "NaT"], "M8[25s]"),
            np.ones(3, np.dtype([("a", "i1"), ("b", ">f8")], align=True)),
            np.arange(10)[::-2],
            np.array(3, "q"),
            np.zeros((0, 10**12)),
        ]

    def refused(self):
        return [np.array([object()]), np.zeros(1).view(np.recarray)]


class TestRecarray(MaterializerContract):
    materializer = RecarrayMaterializer

    def values(self):
        return [np.rec.array([(1, "a"), (2, "b")], dtype=[("n", "i4"), ("s", "U2")])]

    def refused(self):
        return [np.zeros(1)]


class TestMasked(MaterializerContract):
    materializer = MaskedMaterializer

    def values(self):
        return [
            np.ma.array([1.0, 2.0, np.nan], mask=[0, 1, 0], fill_value=-1),
            np.ma.array([1, 2]),
        ]

    def refused(self):
        return [np.ma.masked, np.ma.array([object()])]


class TestScalar(MaterializerContract):
    materializer = ScalarMaterializer

    def values(self):
        return [
            np.float64("nan"),
            np.longdouble(1) / 3,
            np.str_("a\0"),
            np.datetime64("2020", "D"),
            np.longlong(5),
            np.bool_(True),
            np.void(b"abc"),
        ]


class TestDtype(MaterializerContract):
    materializer = DtypeMaterializer

    def values(self):
        return [np.dtype("f8"), np.dtype([("a", "i1"), ("b", "f8")], align=True)]

    def refused(self):
        return [np.dtype("i4", metadata={"a": 1})]


def test_offers_agree_with_their_classes():
    """Every offer names a class that exists and writes the format the offer says."""
    for offer in register_materializers():
        materializer = load_target(offer.target)

        assert materializer.format == offer.format
        assert set(offer.reads) <= {*materializer.reads, materializer.format}
        assert materializer.exact


def test_offering_imports_no_numpy():
    """A session that never meets an array never pays for numpy."""
    code = (
        "import sys, artifact_materializers.numpy as plugin; plugin.register_materializers(); "
        "sys.exit('numpy' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
