"""A request as a short value for a URL: compact JSON, deflated, in the URL-safe base64 alphabet, after the format's version."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from typing import Any

from explain.errors import InputError
from explain.sharing.request import Request

VERSION = "1."
LONGEST_LINK = 6_000
LARGEST_REQUEST = 64_000
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


def encode(request: Request) -> str:
    """The request as a URL query value of unreserved characters; fields at their defaults are not stored.

    Raises:
        InputError: The request is too large for a link, or a field cannot be written.
    """
    plain = json.dumps(request.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    value = VERSION + base64.urlsafe_b64encode(zlib.compress(plain, 9)).decode().rstrip("=")
    if len(plain) > LARGEST_REQUEST or len(value) > LONGEST_LINK:
        raise InputError(
            f"This is too long for a link: {len(value)} characters, at most {LONGEST_LINK} (and {LARGEST_REQUEST} bytes before they are "
            "compressed). Shorten the text, or save an explanation card instead."
        )
    return value


def decode(value: str) -> Request:
    """The request behind a URL query value. Never inflates more than `LARGEST_REQUEST` bytes.

    Raises:
        InputError: The value is too long, damaged, of another version, or its fields are not those of a request.
    """
    if not isinstance(value, str) or not value.startswith(VERSION):
        raise InputError(f"The link does not begin with {VERSION!r}: it is cut, or made by another version. Copy it again.")
    if len(value) > LONGEST_LINK:
        raise InputError(f"The link is too long: {len(value)} characters, at most {LONGEST_LINK}.")
    try:
        values = json.loads(_inflated(value.removeprefix(VERSION)), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("The link is damaged: it is cut or a character was changed. Copy it again.") from error
    return Request.from_dict(values)


def _inflated(body: str) -> bytes:
    if not _ALPHABET.fullmatch(body):
        raise ValueError("characters outside the alphabet")
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), LARGEST_REQUEST + 1)
    except (zlib.error, binascii.Error) as error:
        raise ValueError("not deflated data") from error
    if len(plain) > LARGEST_REQUEST:
        raise InputError(f"The link holds more than {LARGEST_REQUEST} bytes, which no request needs. It is refused.")
    if not stream.eof or stream.unused_data:
        raise ValueError("cut or extended")
    return plain


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
