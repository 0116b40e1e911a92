"""The last resort: any object as a pickle, with its large buffers beside it.

object.py      PickleMaterializer: save, load, what people see
saving.py      a pickle written piece by piece, its buffers uncopied; what it names
refused.py     what pickling would store as something else
reducing.py    what pickling takes an object apart into
culprit.py     where in a value the part lies that cannot be pickled
loading.py     a pickle read back, its classes found through the session
facts.py       pickle.json: what a pickle needs, and the sizes of its buffers
equality.py    whether an object came back as it was
safe/          plain values out of a pickle that nobody vouches for
"""

from __future__ import annotations

from artifact_plugins import MaterializerOffer, hookimpl


@hookimpl
def register_materializers() -> tuple[MaterializerOffer, ...]:
    """Offer `pickle.object` for any object; imports no cloudpickle."""
    return (
        MaterializerOffer(
            key="pickle.object",
            target="artifact_materializers.pickle.object:PickleMaterializer",
            types=("builtins:object",),
            format="pickle/1",
            keeps_subclasses=True,
        ),
    )
