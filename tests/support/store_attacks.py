"""A stranger who may write everything in a store and its ledger, and traps that show what ran."""

from __future__ import annotations

import base64
import importlib
import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import artifact_plugins as ap
from artifact_plugins.content.digests import content_hash, digest_of
from artifact_plugins.content.manifest import canonical, document_of, sha256
from artifact_plugins.content.names import stored_names, version_prefix
from artifact_plugins.records import ArtifactVersion, Signature
from artifact_plugins.records.artifact import FileRecord
from artifact_plugins.trust import MANIFEST_TYPE, Trust

_COLUMNS = (
    "materializer", "artifact_task", "format", "plugin_snapshot", "uri", "size_bytes",
    "content_hash", "manifest_digest", "signature",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A folder with a store, a ledger and the homes of those who use them."""

    folder: Path

    @property
    def store(self) -> Path:
        """Folder of the store."""
        return self.folder / "store"

    def home(self, who: str) -> Path:
        """Folder of somebody's key."""
        return self.folder / "homes" / who

    def given(self, who: str) -> dict[str, str]:
        """What settings are made of, also in another process."""
        return {
            "store_url": str(self.store),
            "ledger_url": f"sqlite:///{self.folder / 'ledger.sqlite'}",
            "durability": "process",
            "trust_home": str(self.home(who)),
        }

    def settings(self, who: str, **settings: Any) -> ap.Settings:
        """What somebody opens the store with."""
        return ap.Settings(**{**self.given(who), "created_by": who, **settings})

    @contextmanager
    def session(self, who: str, **settings: Any) -> Iterator[ap.Session]:
        """Open the store as somebody."""
        with ap.open_session(self.settings(who, **settings)) as session:
            yield session

    def sign(self, who: str, payload: bytes, payload_type: str = MANIFEST_TYPE) -> Signature:
        """Sign with somebody's key."""
        made = Trust(home=self.home(who)).sign(payload_type, payload)
        assert made is not None
        return made

    def statement(self, snapshot_id: str) -> Path:
        """File of the statement of a snapshot."""
        return self._snapshot_file(snapshot_id, ".json")

    def archive(self, digest: str) -> Path:
        """File of an archive."""
        return self._snapshot_file(digest, ".zip")

    def signatures(self, snapshot_id: str) -> list[Path]:
        """Files of the signatures of a snapshot."""
        path = self.statement(snapshot_id)
        return sorted(path.parent.glob(f"{path.stem}.*.sig.json"))

    def manifest(self, version: ArtifactVersion) -> Path:
        """File of the manifest of a version."""
        return self.store / version_prefix(version.id) / "manifest.json"

    def _snapshot_file(self, digest: str, end: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self.store / "snapshots" / name[:2] / f"{name}{end}"

    def write_row(self, version: ArtifactVersion) -> None:
        """Make the row of a version say what a record says."""
        row = {name: getattr(version, name) for name in _COLUMNS}
        row["parameters"] = json.dumps(version.parameters) if version.parameters else None
        row["files"] = json.dumps([[f.path, f.size_bytes, f.digest] for f in version.files])
        row["save_type"] = version.save_type.value
        kind = (version.project, version.artifact_type, version.data_type)
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as ledger, ledger:
            ledger.execute(
                "INSERT OR IGNORE INTO version_kind (project, artifact_type, data_type) "
                "VALUES (?, ?, ?)",
                kind,
            )
            (row["kind_id"],) = ledger.execute(
                "SELECT id FROM version_kind WHERE project = ? AND artifact_type = ? "
                "AND data_type = ?",
                kind,
            ).fetchone()
            names = ", ".join(f"{name} = :{name}" for name in row)
            ledger.execute(f"UPDATE version SET {names} WHERE id = :id", {**row, "id": version.id})

    def execute(self, sql: str, *values: Any) -> None:
        """Change the ledger."""
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as ledger, ledger:
            ledger.execute(sql, values)

    def forge(
        self,
        version: ArtifactVersion,
        *,
        signer: str | None = None,
        signatures: Sequence[Signature] = (),
        files: Mapping[str, bytes] | None = None,
        **changes: Any,
    ) -> ArtifactVersion:
        """Change a version in store and ledger so that everything fits but the signature.

        Args:
            signer: Who signs the result; nobody when not given.
            signatures: Taken from elsewhere.
            files: New content of all files, if any.
            changes: Fields of the record.
        """
        record = version.model_copy(update=changes)
        if files is not None:
            record = self._with_files(record, files)
        store_id = json.loads((self.store / "store.json").read_bytes())["store_id"]
        document = document_of(record, store_id)
        if version.manifest_digest is not None:
            document = {**json.loads(self.manifest(version).read_bytes()), **document}
            document.pop("signatures", None)
        made = list(signatures)
        if signer is not None:
            made.append(self.sign(signer, canonical(document)))
        if version.manifest_digest is not None:
            if made:
                document["signatures"] = [one.to_member() for one in made]
            data = canonical(document)
            self.manifest(version).write_bytes(data)
            record = record.model_copy(update={"manifest_digest": sha256(data)})
        else:
            signature = made[0].model_dump_json() if made else None
            record = record.model_copy(update={"signature": signature})
        self.write_row(record)
        return record

    def _with_files(self, record: ArtifactVersion, files: Mapping[str, bytes]) -> ArtifactVersion:
        names = sorted(files)
        records = tuple(
            FileRecord(path=name, size_bytes=len(files[name]), digest=digest_of("blake3", data))
            for name in names
            for data in (files[name],)
        )
        uri = record.uri
        if record.manifest_digest is None:
            (data,) = files.values()
            uri = f"{uri.partition(',')[0]},{base64.b64encode(data).decode()}"
        else:
            folder = self.store / version_prefix(record.id)
            for name, stored in zip(names, stored_names(names), strict=True):
                (folder / stored).parent.mkdir(parents=True, exist_ok=True)
                (folder / stored).write_bytes(files[name])
        return record.model_copy(
            update={
                "files": records,
                "uri": uri,
                "size_bytes": sum(one.size_bytes for one in records),
                "content_hash": content_hash("blake3", records),
            }
        )


class Trap:
    """A module on the search path that leaves a file when it is imported or its code runs."""

    def __init__(self, folder: Path, name: str, source: str) -> None:
        self.name = name
        self.path = folder / f"{name}.py"
        self.canary = folder.parent / f"{name}.canary"
        self.path.write_text(
            f"from pathlib import Path\nCANARY = Path({str(self.canary)!r})\n" + source
        )

    def imported(self) -> ModuleType:
        """Import it, as its author does."""
        importlib.invalidate_caches()
        return importlib.import_module(self.name)

    def set(self) -> None:
        """Forget the module and the file: whatever runs from now on shows."""
        sys.modules.pop(self.name, None)
        self.canary.unlink(missing_ok=True)

    @property
    def fired(self) -> bool:
        """Whether anything ran."""
        return self.canary.exists()
