"""A page of a list of objects, read quickly."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

from bgremove.overrides import collecting

_WANTED = ("Key", "Size", "ETag")


def read_quickly(client: Any) -> None:
    """Let a client of S3 read what is in a folder at 5 us an object, where botocore takes 60: only what is wanted.

    A botocore that knows no such event goes on as it did.
    """
    # So called it comes before all of botocore's own, one of which else parses each page to see whether it is an error.
    client.meta.events.register("before-parse.*.ListObjectsV2", _take_objects, unique_id="bgremove-objects")


def _take_objects(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Read the objects of an answer, and leave the rest of it to botocore."""
    if response_dict["status_code"] != 200:
        return
    # A page is thousands of objects for a moment, for which all others would be looked at; botocore tells of errors.
    with suppress(ParseError), collecting(False):
        response_dict["body"], customized_response_dict["Contents"] = _read(response_dict["body"])


def _read(body: bytes) -> tuple[bytes, list[dict[str, Any]]]:
    """A page without its objects, and these."""
    page = fromstring(body)  # noqa: S314 - the parser that botocore has for it
    namespace = page.tag.rpartition("}")[0]
    space = f"{namespace}}}" if namespace else ""
    objects = page.findall(f"{space}Contents")
    for each in objects:
        page.remove(each)
    wanted = {f"{space}{name}": name for name in _WANTED}
    return tostring(page), [_fields(each, wanted) for each in objects]


def _fields(element: Element, wanted: dict[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {wanted[field.tag]: field.text for field in element if field.tag in wanted}
    fields["Size"] = int(fields["Size"])
    return fields
