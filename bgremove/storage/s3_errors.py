"""What S3, botocore and s3fs say when something goes wrong, in the words of `Store`."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions

from bgremove.storage.base import StoreError

_ADVICE = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; FSSPEC_S3_ANON=true for a public bucket"


class ConflictError(StoreError):
    """Somebody else writes the object at this moment."""

    def __init__(self) -> None:
        super().__init__("others write it all the time")


class NoConditionsError(StoreError):
    """The store does not know conditional requests."""

    def __init__(self) -> None:
        super().__init__("the store does not know conditional requests")


class BrokenOffError(StoreError):
    """An answer has begun and not ended."""


@contextmanager
def reported() -> Iterator[None]:
    """Turn errors into those that `Store` documents; s3fs turns codes into errors itself, and loses some."""
    try:
        yield
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise StoreError(f"there are no credentials: {_ADVICE}") from error
    except (exceptions.ConnectTimeoutError, exceptions.EndpointConnectionError) as error:
        raise StoreError(f"the store cannot be reached: {error}") from error
    except exceptions.ReadTimeoutError as error:
        raise StoreError(f"the store does not answer in time: {error}") from error
    except (exceptions.HTTPClientError, exceptions.IncompleteReadError) as error:
        raise BrokenOffError(f"the connection to the store breaks off: {error}") from error
    except (exceptions.BotoCoreError, ValueError) as error:  # the latter for an endpoint that is no URL
        raise StoreError(str(error)) from error
    except OSError as error:
        raise _in_words(error) from error
    except Exception as error:  # of the library that carries the bytes
        raise BrokenOffError(f"the connection to the store breaks off: {error or type(error).__name__}") from error


def _in_words(error: OSError) -> OSError:
    response = getattr(error.__cause__, "response", {}).get("Error", {})
    code, message = response.get("Code", ""), response.get("Message", "")
    found: OSError
    match code:
        case "NoSuchKey" | "404":
            found = FileNotFoundError(errno.ENOENT, "there is no such file")
        case "NoSuchBucket":
            found = StoreError("there is no such bucket")
        case "PreconditionFailed" | "412":
            found = FileExistsError(errno.EEXIST, "it exists already")
        case "ConditionalRequestConflict" | "409":
            found = ConflictError()
        case "NotImplemented" | "501":
            found = NoConditionsError()
        case "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken":
            found = StoreError(f"the store does not accept the credentials ({code}): {_ADVICE}")
        case "AccessDenied" | "403":
            found = StoreError("access is denied to these credentials")
        case "":
            found = StoreError(str(error))
        case _:
            found = StoreError(f"the store refuses: {code}: {message}")
    return found
