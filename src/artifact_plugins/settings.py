"""Settings: from arguments, `ARTIFACT_PLUGINS_*`, then `[tool.artifact_plugins]` in pyproject.toml."""

from __future__ import annotations

import getpass
import os
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
)

from artifact_plugins.errors import SettingsError, describe
from artifact_plugins.records.names import check_name

# Whom to trust is decided by who reads, and a stranger's checkout has a pyproject.toml
# too; a backend named there would be sent the credentials of the environment.
_READERS_OWN = ("trust_home", "trust_pins", "backends")


class Settings(BaseSettings):
    """Everything that can be configured; nothing has to be.

    Attributes:
        store_url: Where bytes live: a folder, `file://...`, `memory://name`, or a
            bucket: `s3://bucket/prefix`, `gs://...`, `az://...`.
        ledger_url: Where records live: `sqlite:///path`, `sqlite://` (in memory) or
            `postgresql://user@host:port/database` (the password from PGPASSWORD or ~/.pgpass).
        project: Namespace of artifact names and runs.
        durability: `full` survives a power cut (fsync before the commit),
            `process` survives kill -9 and is several times faster.
        inline_max_bytes: A value of one file up to this size lies in its record.
        runtime: What executes step calls: `inline`, `threads`, `threads:8`,
            `processes`, `processes:4`, or a URL of a plugin (`dask://host:8786`).
        cache: Whether steps that do not say otherwise use the results of earlier
            calls with the same code, inputs and options.
        materializers: Overrides by type: `{"shop:Order": "shop.io:OrderMaterializer"}`;
            the value is a materializer key or the import path of a class.
        plugins: Modules with hook implementations, besides the installed entry points.
        disabled_plugins: Entry point names that are not loaded.
        digest: Algorithm of payload digests.
        verify: When the digest of a payload is checked on load: `always`, or
            `first` time a process sees the very file (inode, size, time).
        verify_save: Which saves of a materializer that is not `exact` are read
            back and compared: `small` (up to 16 MiB), `all` or `none`.
        load_max_bytes: A version larger than this is not loaded.
        busy_timeout_seconds: How long to wait for a locked ledger.
        keep_newest: So many of the newest versions of every artifact are neither
            deleted nor pruned, unless they are forced.
        trash_seconds: How long a deleted version can be restored: the collector
            leaves its bytes for so long.
        grace_seconds: How old the files of an interrupted save must be before the
            collector takes them. Nothing that was acknowledged is lost with 0, but
            tasks whose outputs are not committed yet fail with `SaveAbortedError`.
        created_by: Recorded with every version; the login name by default.
        artifact_tasks: Artifact tasks by type: `{"pandas:DataFrame": "csv_frame"}`.
        allow_pickle: Whether a value that nothing else handles is pickled.
        trust: Whose code and pickles are executed: `installed` (nobody's),
            `signed` (of the own key and of trusted keys), `pinned` (digests in
            `trust_pins` and the trust file only), `unsafe` (everybody's; only as
            an argument, never from the environment or a file).
        trust_pins: Digests of snapshots, archives or manifests that may execute.
            Never read from pyproject.toml, which may be a stranger's.
        trust_home: Folder of the own key and the trust file; by default
            `~/.config/artifact_plugins`. Never read from pyproject.toml.
        snapshots: Whether installed code that differs from what wrote a version
            loads it when it reads the format: `compatible`, or `exact`: the
            archived code does.
        renames: Where classes went: `{"old.path:Class": "new.path:Class"}`.
        isolation: `uv` builds the recorded environment for a version whose
            libraries do not fit the installed ones; `none` makes it an error.
        backends: Registries that get every record, as URLs without credentials:
            `["zenml+http://host:8080", "mlte+https://host"]`. Never
            read from pyproject.toml, which may be a stranger's: the credentials of
            the environment would go to the server that it names.
        delivery: When records are delivered to the backends. `background`: beside
            the work. `wait`: a run, or a save outside of one, waits for it at its
            end. `strict`: it waits, too, and what cannot be delivered is an error
            there; so is a backend that is not there when the session opens.
        flush_seconds: How long the end of the process, or of the session, waits for
            what is not delivered yet; the rest stays for the next process. `wait`
            and `strict` wait so long for the next record to get through.
        backend_timeout_seconds: How long one request to a backend may take.
    """

    model_config = SettingsConfigDict(
        env_prefix="ARTIFACT_PLUGINS_",
        pyproject_toml_table_header=("tool", "artifact_plugins"),
        frozen=True,
        extra="forbid",
    )

    store_url: str = ".artifact_plugins/store"
    ledger_url: str = "sqlite:///.artifact_plugins/ledger.sqlite"
    project: str = "default"
    durability: Literal["full", "process"] = "full"
    inline_max_bytes: int = Field(default=4096, ge=0, le=64 * 1024)
    runtime: str = "inline"
    cache: bool = False
    materializers: dict[str, str] = {}
    plugins: tuple[str, ...] = ()
    disabled_plugins: tuple[str, ...] = ()
    digest: Literal["blake3", "sha256"] = "blake3"
    verify: Literal["always", "first"] = "first"
    verify_save: Literal["small", "all", "none"] = "small"
    load_max_bytes: int = Field(default=8 * 1024**3, gt=0)
    busy_timeout_seconds: float = Field(default=30.0, ge=0)
    keep_newest: int = Field(default=0, ge=0, lt=2**31)
    trash_seconds: float = Field(default=7 * 24 * 3600, ge=0, le=1e10)
    grace_seconds: float = Field(default=24 * 3600, ge=0, le=1e10)
    created_by: str = Field(default_factory=lambda: _login_name())
    artifact_tasks: dict[str, str] = {}
    allow_pickle: bool = True
    trust: Literal["installed", "signed", "pinned", "unsafe"] = "signed"
    trust_pins: tuple[str, ...] = ()
    trust_home: Path | None = None
    snapshots: Literal["compatible", "exact"] = "compatible"
    renames: dict[str, str] = {}
    isolation: Literal["none", "uv"] = "none"
    backends: tuple[str, ...] = ()
    delivery: Literal["background", "wait", "strict"] = "background"
    flush_seconds: float = Field(default=5.0, ge=0, le=1e6)
    backend_timeout_seconds: float = Field(default=30.0, gt=0, le=3600)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden":
                near = get_close_matches(name, type(self).model_fields, n=1)
                raise SettingsError(
                    f"there is no setting {name!r}",
                    hint=f"the nearest is {near[0]!r}; nothing was opened"
                    if near
                    else "nothing was opened",
                    name=name,
                ) from error
            raise SettingsError(
                f"setting {name!r}: {first['msg']}",
                hint=f"set it as argument, as ARTIFACT_PLUGINS_{name.upper()} or in "
                "[tool.artifact_plugins] of pyproject.toml; nothing was opened",
                name=name,
            ) from error
        except SettingsError:
            raise
        # No JSON in the environment (a SettingsError of pydantic), no TOML in
        # pyproject.toml, no text in it, or nobody may read it.
        except (ValueError, OSError) as error:
            raise SettingsError(
                f"the settings cannot be read: {describe(error)}",
                hint="look at the ARTIFACT_PLUGINS_* variables and at pyproject.toml; "
                "nothing was opened",
            ) from error

    @field_validator("project")
    @classmethod
    def _project_is_a_name(cls, value: str) -> str:
        return check_name(value, "project")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over pyproject.toml."""
        assert isinstance(env_settings, EnvSettingsSource)
        if env_settings.env_vars.get("artifact_plugins_trust") == "unsafe":
            raise _not_from("trust = 'unsafe'", "the environment")
        try:
            pyproject = PyprojectTomlConfigSettingsSource(settings_cls, Path("pyproject.toml"))
        except FileNotFoundError:  # the working folder was removed
            return init_settings, env_settings
        found = pyproject()  # as it will be taken: TRUST is trust there too
        if found.get("trust") == "unsafe":
            raise _not_from("trust = 'unsafe'", "pyproject.toml")
        for name in _READERS_OWN:
            if name in found:
                raise _not_from(name, "pyproject.toml")
        return init_settings, env_settings, pyproject

    @cached_property
    def is_durable(self) -> bool:
        """Whether files and transactions are synced before a save is acknowledged."""
        return self.durability == "full"


def _not_from(what: str, source: str) -> SettingsError:
    name = what.partition(" ")[0]
    instead = "" if name == "trust" else f", as ARTIFACT_PLUGINS_{name.upper()}"
    decided = (
        "who gets the records, and the credentials of the environment,"
        if name == "backends"
        else "whose code runs"
    )
    return SettingsError(
        f"{what} is not taken from {source}: {decided} is decided by the reader, "
        "not by what came with the data",
        hint=f"set it as argument of Settings{instead} or not at all; nothing was opened",
        name=name,
    )


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in a container
        return str(os.getuid())
