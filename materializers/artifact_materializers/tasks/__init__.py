"""Artifact tasks for files that others read: CSV, JSON lines, Parquet, images, text, NPZ, folders.

csv_frame.py      CsvFrame: a DataFrame as one CSV file
parquet_frame.py  ParquetFrame: a DataFrame as one Parquet file, with its options
jsonl_records.py  JsonlRecords: a list of dicts as JSON lines
image.py          Image: a PIL image as PNG, JPEG, WebP, TIFF or BMP
text.py           Text: a str as one text file in any encoding
npz_arrays.py     NpzArrays: a dict of numpy arrays as one NPZ file
directory.py      Directory: a folder, file by file
lossless.py       Lossless: an artifact task that reads back what it wrote, or refuses
frames.py         where two DataFrames differ

Each refuses a value that its files would change, and says where; `lossy=True`
in the options of those that have it keeps what the file can hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins import ArtifactTaskOffer, hookimpl

_HERE = "artifact_materializers.tasks"


@hookimpl
def register_artifact_tasks() -> Sequence[ArtifactTaskOffer]:
    """Offer the artifact tasks; imports no data library."""
    frame = ("pandas:DataFrame",)
    return (
        ArtifactTaskOffer(name="csv_frame", target=f"{_HERE}.csv_frame:CsvFrame", types=frame),
        ArtifactTaskOffer(
            name="parquet_frame", target=f"{_HERE}.parquet_frame:ParquetFrame", types=frame
        ),
        ArtifactTaskOffer(
            name="jsonl_records",
            target=f"{_HERE}.jsonl_records:JsonlRecords",
            types=("builtins:list",),
        ),
        ArtifactTaskOffer(
            name="image", target=f"{_HERE}.image:ImageFile", types=("PIL.Image:Image",)
        ),
        ArtifactTaskOffer(name="text", target=f"{_HERE}.text:TextFile", types=("builtins:str",)),
        ArtifactTaskOffer(
            name="npz_arrays", target=f"{_HERE}.npz_arrays:NpzArrays", types=("builtins:dict",)
        ),
        ArtifactTaskOffer(
            name="directory", target=f"{_HERE}.directory:Directory", types=("pathlib:Path",)
        ),
    )
