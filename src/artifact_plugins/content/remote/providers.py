"""Which provider a URL means; its library is imported here and nowhere earlier."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from artifact_plugins.content.remote.bucket import Bucket
from artifact_plugins.errors import StoreCapabilityError

# kind of place -> its module here, the class there, and the library it needs.
_PROVIDERS = {
    "s3": ("s3", "S3Bucket", "s3fs"),
    "gcs": ("gcs", "GcsBucket", "gcsfs"),
    "azure": ("azure", "AzureBucket", "adlfs"),
}


def open_bucket(kind: str, bucket: str, prefix: str) -> Bucket:
    """Return the bucket; nothing is asked of the provider yet.

    Raises:
        StoreCapabilityError: The library of the provider is not installed.
    """
    module, name, library = _PROVIDERS[kind]
    try:
        # Late: each of these libraries costs a second of imports.
        found = import_module(f"artifact_plugins.content.remote.{module}")
    except ImportError as error:
        raise StoreCapabilityError(
            f"a store of this kind needs {library}, which cannot be imported ({error.name})",
            hint=f"nothing was opened; run: pip install 'artifact-plugins[{kind}]'",
            library=library,
        ) from error
    return cast("Bucket", getattr(found, name)(bucket, prefix))
