"""One way to make a materializer, save with it and load with it, whichever abilities it has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from artifact_plugins.contracts.abilities import DirectIO
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.testing.files import FolderFiles


def make_options(
    materializer: type[Materializer[Any]], options: BaseModel | dict[str, Any] | None
) -> BaseModel:
    """Return the options as an instance of the materializer's own model."""
    if isinstance(options, BaseModel):
        return options
    return materializer.Options.model_validate(options or {})


def save_into(materializer: Materializer[Any], value: Any, directory: Path) -> FolderFiles:
    """Save `value` below the empty folder `directory`, made here; return its files."""
    directory.mkdir(parents=True)
    files = FolderFiles(directory)
    if isinstance(materializer, DirectIO):
        materializer.save_files(value, files)
    else:
        materializer.save(value, directory)
    return files


def load_from(materializer: Materializer[Any], directory: Path, data_type: type) -> Any:
    """Load from a copy of `directory`, which lies beside it and stays there."""
    private = _beside(directory)
    shutil.copytree(directory, private)
    if isinstance(materializer, DirectIO):
        return materializer.load_files(FolderFiles(private), data_type)
    return materializer.load(private, data_type)


def loaded_type(value: Any) -> type:
    """Return the type that a value is loaded as: its own; an iterator comes back as any iterator."""
    return Iterator if isinstance(value, Iterator) else type(value)


def _beside(directory: Path) -> Path:
    number = 1
    while (found := directory.with_name(f"{directory.name}-loaded-{number}")).exists():
        number += 1
    return found
