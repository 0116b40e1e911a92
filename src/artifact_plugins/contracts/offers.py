"""What a plugin offers: small frozen records that name an import target and import nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["dataclass", "pydantic", "enum", "namedtuple", "attrs", "iterator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeOffer:
    """One runtime of a plugin, chosen by `Settings.runtime`.

    Attributes:
        scheme: Of the setting: `dask` for `dask://host:8786`.
        target: A class or function that takes the whole setting and returns a
            `Runtime`: `artifact_integrations.dask.runtime:DaskRuntime`.
    """

    scheme: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOffer:
    """One kind of backend of a plugin, chosen by the URLs of `Settings.backends`.

    Attributes:
        scheme: Of the URLs: `zenml` for `zenml+http://host` and `zenml+https://host`.
        target: The `Backend` class: `artifact_integrations.zenml.backend:ZenMLBackend`.
        options: Names that may stand behind `?` in its URLs; another one is refused
            when a session opens. None: the backend itself says, at its first use.
        credentials: Names of the credentials that it asks for, whose place the URL
            may say: `password` for `?password=env:NAME`.
        locate: A function that says where this process is inside such a system; it is
            called when a session opens, with the URLs of this scheme from the
            settings, and returns those that are used. None: as the settings say.
    """

    scheme: str
    target: str
    options: tuple[str, ...] | None = None
    credentials: tuple[str, ...] = ()
    locate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterializerOffer:
    """One materializer of a plugin.

    Attributes:
        key: Stable name without a colon, unique among all plugins:
            `pandas.frame`. It is recorded with every version, so it never changes.
        target: Where the class is: `artifact_materializers.pandas.frame:FrameMaterializer`.
        types: Public import paths of the classes it handles, that importing
            the library itself makes available: `pandas:DataFrame`.
        kinds: Families of classes that have no common base to name.
        format: What it writes by default.
        reads: Other formats it can load.
        keeps_subclasses: Whether instances of subclasses come back as that subclass.
    """

    key: str
    target: str
    format: str
    types: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    reads: tuple[str, ...] = ()
    keeps_subclasses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactTaskOffer:
    """One artifact task of a plugin.

    Attributes:
        name: Stable name without a colon, unique among all plugins:
            `csv_frame`. It is recorded with every version, so it never changes.
        target: Where the class is: `artifact_materializers.tasks.csv_frame:CsvFrame`.
        types: Public import paths of the classes it takes, for people who
            look for one; empty when the class says so itself.
        executes_on_load: Whether loading can run code from the files; None
            for what the class itself says.
    """

    name: str
    target: str
    types: tuple[str, ...] = ()
    executes_on_load: bool | None = None
