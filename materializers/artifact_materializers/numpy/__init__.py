"""Materializers of numpy: arrays, masked arrays, record arrays, scalars, dtypes.

array.py     ndarray and recarray, whole, by rows, or as a stream of chunks
masked.py    MaskedArray: data, mask and fill value
scalar.py    every scalar class
dtype.py     dtype objects
npy.py       the .npy format, written without copying and read without unpickling
dtypes.py    dtypes as text and back, exactly
summary.py   describe and preview from a bounded sample
"""

from __future__ import annotations

from artifact_plugins import MaterializerOffer, hookimpl

_HERE = "artifact_materializers.numpy"

# One class, several spellings: numpy 1.26 names some scalars by their size
# (`float128`), numpy 2 by their C type (`longdouble`).
_SCALARS = (
    "bool bool_ int8 int16 int32 int64 intc long longlong uint8 uint16 uint32 uint64 uintc "
    "ulong ulonglong float16 float32 float64 longdouble float96 float128 complex64 complex128 "
    "clongdouble complex192 complex256 datetime64 timedelta64 str_ bytes_ void record"
)

_OFFERS = (
    MaterializerOffer(
        key="numpy.array",
        target=f"{_HERE}.array:ArrayMaterializer",
        types=("numpy:ndarray",),
        format="npy/1",
    ),
    MaterializerOffer(
        key="numpy.recarray",
        target=f"{_HERE}.array:RecarrayMaterializer",
        types=("numpy:recarray",),
        format="npy/1",
    ),
    MaterializerOffer(
        key="numpy.masked",
        target=f"{_HERE}.masked:MaskedMaterializer",
        types=("numpy.ma:MaskedArray",),
        format="npy-masked/1",
    ),
    MaterializerOffer(
        key="numpy.scalar",
        target=f"{_HERE}.scalar:ScalarMaterializer",
        types=tuple(f"numpy:{name}" for name in _SCALARS.split()),
        format="npy/1",
    ),
    MaterializerOffer(
        key="numpy.dtype",
        target=f"{_HERE}.dtype:DtypeMaterializer",
        types=("numpy:dtype",),
        format="npy-dtype/1",
        keeps_subclasses=True,
    ),
)


@hookimpl
def register_materializers() -> tuple[MaterializerOffer, ...]:
    """Offer the materializers of numpy values; imports no numpy."""
    return _OFFERS
