"""ImageFile: a PIL image as PNG, JPEG, WebP, TIFF or BMP."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import PIL.Image
from pydantic import BaseModel, Field

from artifact_plugins.errors import NotSerializableError

from .lossless import Lossless, LossyParameters

# Entries of `info` that belong to the pixels; every writer stores them unasked.
_KEPT = ("icc_profile", "transparency")


class ImageParameters(LossyParameters):
    """Parameters of image files.

    Attributes:
        format: Of the file. JPEG and most WebP files change pixels.
        quality: 1 to 100, of JPEG and WebP; the writer's own when None.
    """

    format: Literal["png", "jpeg", "webp", "tiff", "bmp"] = "png"
    quality: int | None = Field(default=None, ge=1, le=100)


class ImageFile(Lossless[PIL.Image.Image]):
    """A PIL image: its mode, size, palette, pixels and info come back, or it is refused."""

    name = "image"
    format = "image/1"
    types: ClassVar[tuple[str, ...]] = ("PIL.Image:Image",)
    artifact_type = "Image"
    Parameters: ClassVar[type[BaseModel]] = ImageParameters

    def file_name(self, **parameters: Any) -> str:
        """Return `image.png` and such."""
        return f"image.{parameters['format']}"

    def media_type_of(self, **parameters: Any) -> str:
        """Return `image/png` and such."""
        return f"image/{parameters['format']}"

    def write(self, value: PIL.Image.Image, path: Path, **parameters: Any) -> None:
        """Write the file.

        Raises:
            NotSerializableError: The image still belongs to the file that it
                was opened from.
        """
        if type(value) is not PIL.Image.Image:
            raise NotSerializableError(
                f"a {type(value).__qualname__} belongs to the file it was opened from and would "
                "come back as a plain image",
                hint="nothing was registered; save image.copy()",
                artifact_task=self.name,
            )
        chosen: dict[str, Any] = {}
        if parameters["quality"] is not None:
            chosen["quality"] = parameters["quality"]
        elif parameters["format"] == "webp" and not parameters["lossy"]:
            chosen.update(lossless=True, exact=True)
        value.save(path, format=parameters["format"], **chosen)

    def read(self, path: Path, **parameters: Any) -> PIL.Image.Image:
        """Read the file as a plain image that holds no file open."""
        with PIL.Image.open(path, formats=[parameters["format"]]) as image:
            plain = image.copy()
        # What a reader adds by itself (density, animation) is no part of the image.
        plain.info = {key: item for key, item in plain.info.items() if key in _KEPT}
        return plain

    def difference(self, saved: PIL.Image.Image, loaded: PIL.Image.Image) -> str | None:
        """Name what differs: the mode, the size, the palette, a pixel or an entry of info."""
        for what in ("mode", "size"):
            left, right = getattr(saved, what), getattr(loaded, what)
            if left != right:
                return f"{what} {left!r} comes back as {right!r}"
        if saved.getpalette() != loaded.getpalette():
            return "the palette comes back different"
        if saved.tobytes() != loaded.tobytes():
            return "pixels come back different"
        for key in sorted({*saved.info, *loaded.info}, key=str):
            if saved.info.get(key) != loaded.info.get(key):
                return f"info[{key!r}] is not kept"
        return None
