"""image: pixels, mode, palette and info come back, or the image is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import PIL.Image
import pytest

from artifact_materializers.tasks.image import ImageFile
from artifact_plugins.errors import LossyConversionError, NotSerializableError
from artifact_plugins.testing import ArtifactTaskContract, memory_session


def gradient(mode: str) -> PIL.Image.Image:
    image = PIL.Image.radial_gradient("L").resize((16, 9))
    return image.convert(mode)


class TestImagePng(ArtifactTaskContract):
    task = ImageFile

    def values(self) -> list[PIL.Image.Image]:
        return [gradient(mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")]

    def refused(self) -> list[Any]:
        noted = gradient("L")
        noted.info["note"] = "lost"
        return [gradient("CMYK"), gradient("F"), noted, b"png"]

    def wrong_parameters(self) -> list[dict[str, Any]]:
        return [{"format": "gif"}, {"quality": 101}, {"quality": "high"}]


class TestImageWebp(ArtifactTaskContract):
    task = ImageFile
    parameters: ClassVar[dict[str, Any]] = {"format": "webp"}

    def values(self) -> list[PIL.Image.Image]:
        clear = gradient("RGB")
        clear.putalpha(gradient("L"))
        return [gradient("RGB"), clear]

    def refused(self) -> list[PIL.Image.Image]:
        return [gradient("RGBA"), gradient("P")]


def test_jpeg_changes_pixels_and_is_refused() -> None:
    """A format that changes pixels is refused unless `lossy` is True."""
    with memory_session() as session:
        image = gradient("RGB")
        with pytest.raises(LossyConversionError, match="pixels"):
            session.save(image, "x", task="image", options={"format": "jpeg"})

        options = {"format": "jpeg", "quality": 80, "lossy": True}
        version = session.save(image, "x", task="image", options=options)

        loaded = session.load(version)
    assert (loaded.mode, loaded.size) == (image.mode, image.size)
    assert version.uri.startswith("data:image/jpeg")


def test_opened_image_says_what_to_save(tmp_path: Path) -> None:
    """An image that belongs to its file is refused with what to save instead."""
    gradient("L").save(tmp_path / "a.png")

    with memory_session() as session, PIL.Image.open(tmp_path / "a.png") as opened:
        with pytest.raises(NotSerializableError, match=r"image\.copy\(\)"):
            session.save(opened, "x", task="image")
        version = session.save(opened.copy(), "x", task="image")

        assert session.load(version).tobytes() == opened.tobytes()
