"""Objects in S3, or in what speaks its language: ``s3://bucket/photos/``.

Credentials, region and endpoint are found as the AWS tools find them; fsspec's own configuration is honoured too.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from fsspec.asyn import sync
from fsspec.config import conf
from s3fs import S3FileSystem

from bgremove.storage.base import Entry, Store
from bgremove.storage.s3_errors import BrokenOffError, ConflictError, NoConditionsError, reported
from bgremove.storage.s3_pages import read_quickly
from bgremove.url import Url

_MARK = "bgremove"
"""Under which the mark stands in an object's metadata."""
_CONFIG = {
    "connect_timeout": 5,
    "read_timeout": 20,
    # It waits up to 1 s after the first failure, 2 s after the second, and so on.
    "retries": {"mode": "standard", "total_max_attempts": 5},
    "max_pool_connections": 64,
}
_MOST_CONFLICTS = 5
_MOST_BREAKS = 2


def s3_options() -> dict[str, Any]:
    """What the file system is made with: timeouts and retries for a batch, in which one image must not hold up all."""
    chosen = conf.get("s3", {})
    config = {**_CONFIG, **chosen.get("config_kwargs", {})}
    return {"use_listings_cache": False, **chosen, "config_kwargs": config}


class S3Store(Store):
    """All buckets that the credentials open."""

    def __init__(self) -> None:
        with reported():
            self._fs = S3FileSystem(**s3_options())
        self._fs.retries = 1  # botocore does that; both would multiply

    def read_start(self, url: Url, size: int) -> bytes:
        """See `Store.read_start`. One request."""
        return self._content(url, Range=f"bytes=0-{size - 1}")

    def look_up(self, url: Url) -> Url | None:
        """See `Store.look_up`. One request."""
        head = self._head(url)
        return None if head is None else Url(url.text, head["ContentLength"], head["ETag"])

    def entries(self, folder: Url, *, recursive: bool) -> Iterator[Entry]:
        """See `Store.entries`. One request for each thousand, when it is their turn."""
        bucket, key = _split(folder)
        prefix = f"{key}/" if key else ""
        request = {"Bucket": bucket, "Prefix": prefix} | ({} if recursive else {"Delimiter": "/"})
        with reported():
            read_quickly(self._fs.s3)
        while True:
            page = self._call("list_objects_v2", **request)
            for each in page.get("Contents", ()):
                relative = each["Key"].removeprefix(prefix)
                if relative and not relative.endswith("/"):  # an object that stands for a folder
                    yield Entry(Url(f"s3://{bucket}/{each['Key']}", each["Size"], each["ETag"]), relative)
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def write(self, url: Url, content: bytes, *, mark: str, overwrite: bool) -> str:
        """See `Store.write`. One request."""
        bucket, key = _split(url)
        kind = mimetypes.guess_type(url.name)[0] or "application/octet-stream"
        request = {"Bucket": bucket, "Key": key, "Body": content, "Metadata": {_MARK: mark}, "ContentType": kind}
        if overwrite:
            return self._put(request)
        try:
            return self._create(request)
        except FileExistsError:  # perhaps it is this content, of a request whose answer was lost
            head = self._head(url)
            if not mark or head is None or _mark_in(head) != mark:
                raise
            return str(head["ETag"])
        except NoConditionsError:
            if self._head(url) is not None:
                raise FileExistsError(url.text) from None
            return self._put(request)

    def mark(self, url: Url) -> str | None:
        """See `Store.mark`. One request."""
        head = self._head(url)
        return None if head is None else _mark_in(head)

    def _create(self, request: dict[str, Any]) -> str:
        for _ in range(_MOST_CONFLICTS):
            with suppress(ConflictError):  # another writes it at this very moment
                return self._put({**request, "IfNoneMatch": "*"})
        raise ConflictError

    def _put(self, request: dict[str, Any]) -> str:
        return str(self._call("put_object", **request).get("ETag", ""))

    def _read(self, url: Url) -> bytes:
        return self._content(url)

    def _content(self, url: Url, **options: str) -> bytes:
        for _ in range(_MOST_BREAKS):
            with suppress(BrokenOffError):  # after the answer has begun, when botocore no longer tries again
                return self._get(url, **options)
        return self._get(url, **options)

    def _get(self, url: Url, **options: str) -> bytes:
        bucket, key = _split(url)
        with reported():
            return bytes(sync(self._fs.loop, self._body, Bucket=bucket, Key=key, **options))

    async def _body(self, **request: str) -> Any:
        # `cat_file` would ask for another object: to it, ?versionId= in a key is not of the key.
        answer = await self._fs._call_s3("get_object", **request)
        async with answer["Body"] as body:
            return await body.read()

    def _head(self, url: Url) -> dict[str, Any] | None:
        bucket, key = _split(url)
        if not key:
            return None
        try:
            head: dict[str, Any] = self._call("head_object", Bucket=bucket, Key=key)
        except FileNotFoundError:
            return None
        return head

    def _call(self, method: str, **request: Any) -> Any:
        with reported():
            return self._fs.call_s3(method, **request)


def open_s3(url: Url) -> Any:
    """A file to read from at any position, each piece by a request when it is asked for."""
    with reported():
        return S3FileSystem(**s3_options()).open(url.key, "rb")


def _mark_in(head: dict[str, Any]) -> str:
    return str(head["Metadata"].get(_MARK, ""))


def _split(url: Url) -> tuple[str, str]:
    bucket, _, key = url.key.partition("/")
    return bucket, key
