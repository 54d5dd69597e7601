"""Messages that break the wire contract, each in one way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

GOOD = {
    "ce-specversion": b"1.0",
    "ce-id": b"hostile",
    "ce-source": b"/foreign",
    "ce-type": b"product.priced",
    "ce-aggregateversion": b"1",
}
BODY = b'{"price":1}'


@dataclass(frozen=True)
class Hostile:
    """One message: what is wrong with it, and its bytes."""

    name: str
    subject: bytes
    headers: bytes | None
    body: bytes = BODY


def block(fields: list[tuple[bytes, bytes]], status: bytes = b"") -> bytes:
    """A header block."""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    return b"NATS/1.0" + status + b"\r\n" + lines + b"\r\n"


def fields(**changed: bytes | None) -> list[tuple[bytes, bytes]]:
    """The good headers with some changed (`aggregateversion=b"0"`) or left out (`None`)."""
    values = GOOD | {f"ce-{name}": value for name, value in changed.items()}
    return [(name.encode(), value) for name, value in values.items() if value is not None]


def required_headers() -> Iterator[tuple[str, bytes]]:
    for name in GOOD:
        short = name.removeprefix("ce-")
        yield f"{name} is missing", block(fields(**{short: None}))
        yield f"{name} is there twice", block(fields() + [(name.encode(), GOOD[name])])
        yield f"{name} is there twice, in another case", block(fields() + [(name.upper().encode(), GOOD[name])])
        yield f"{name} is empty", block(fields(**{short: b""}))


def header_values() -> Iterator[tuple[str, bytes]]:
    versions = [b"-1", b"0", b"1.5", b"+5", b"05", b"1e3", b"0x10", b"1 2", b"five", b"NaN", b"\xd9\xa5",
                b"9007199254740992", b"9223372036854775808", b"99999999999999999999999", b"%", b"1%00"]
    for version in versions:
        yield f"ce-aggregateversion is {version!r}", block(fields(aggregateversion=version))
    for name in ("id", "source", "type"):
        yield f"ce-{name} has 257 bytes", block(fields(**{name: b"x" * 257}))
        yield f"ce-{name} is not UTF-8", block(fields(**{name: b"\xff\xfe"}))
        yield f"ce-{name} is not UTF-8 behind its percent signs", block(fields(**{name: b"%FF%FE"}))
        yield f"ce-{name} holds a control character", block(fields(**{name: b"a%00b"}))
        yield f"ce-{name} holds a line break", block(fields(**{name: b"a%0D%0Ab"}))
    yield "ce-specversion is 0.3", block(fields(specversion=b"0.3"))
    yield "the content is a plain text", block(fields(datacontenttype=b"text/plain"))
    yield "the content is nearly JSON", block(fields(datacontenttype=b"application/jsonp"))
    yield "ce-time is yesterday", block(fields(time=b"yesterday"))
    yield "ce-schemarevision is 0", block(fields(schemarevision=b"0"))
    yield "ce-schemarevision is no number", block(fields(schemarevision=b"new"))


def header_blocks() -> Iterator[tuple[str, bytes | None]]:
    yield "no headers at all", None
    yield "an empty header block", b"NATS/1.0\r\n\r\n"
    yield "a header line without a colon", b"NATS/1.0\r\nce-specversion 1.0\r\n\r\n"
    yield "a header without a name", b"NATS/1.0\r\n: 1.0\r\n\r\n"
    yield "headers of zero bytes and noise", b"NATS/1.0\r\n\x00\x01\x02\xff: \x00\r\n\r\n"
    yield "a header block that never ends", b"NATS/1.0\r\nce-id: endless"
    for status in (b" 100 Idle Heartbeat", b" 404 No Messages", b" 408 Request Timeout", b" 409 Consumer Deleted",
                   b" 409 Message Size Exceeds MaxBytes", b" 503", b" 503 No Responders"):
        yield f"looks like the broker's{status.decode()}", block([], status)


def bodies() -> Iterator[tuple[str, bytes]]:
    yield "an empty body", b""
    yield "a body of blanks", b" \n "
    yield "a body that is a word", b"hello"
    yield "a body that ends too early", b'{"price":'
    yield "a body with more behind it", b'{"price":1}{"price":2}'
    yield "a body with single quotes", b"{'price':1}"
    yield "a body with a trailing comma", b'{"price":1,}'
    yield "a body with a leading zero", b'{"price":01}'
    yield "a body with NaN", b'{"price":NaN}'
    yield "a body with a raw line break in a string", b'{"name":"a\nb"}'
    yield "a body that is not UTF-8", b'{"name":"\xff\xfe"}'
    yield "a body with half a surrogate pair", b'{"name":"\\ud800"}'
    yield "a body behind a byte order mark", b'\xef\xbb\xbf{"price":1}'
    yield "a body nested 65 deep", b"[" * 65 + b"]" * 65
    yield "a body nested 100,000 deep", b"[" * 100_000 + b"]" * 100_000
    yield "a body opened 100,000 times", b'{"a":' * 100_000


def subjects() -> Iterator[tuple[str, bytes]]:
    yield "no id", b"shop.product"
    yield "a token too many", b"shop.product.1.2"
    yield "a type in capitals", b"shop.Product.1"
    yield "a type that starts with a digit", b"shop.9product.1"
    yield "a type of 64 letters", b"shop." + b"p" * 64 + b".1"
    yield "lower-case hex", b"shop.product.a%2fb"
    yield "an escape that is not needed", b"shop.product.%41"
    yield "an escape that is no hex", b"shop.product.%ZZ"
    yield "half an escape", b"shop.product.a%4"
    yield "a lone percent sign", b"shop.product.%"
    yield "a NUL", b"shop.product.a%00"
    yield "an id that is not UTF-8", b"shop.product.%FF"
    yield "an id of 129 bytes", b"shop.product." + b"x" * 129
    yield "a letter that must be escaped", "shop.product.ü".encode()
    yield "a sign that must be escaped", b"shop.product.a$b"
    yield "bytes that are not UTF-8", b"shop.product.\xff\xfe"
    yield "a wildcard as id", b"shop.product.*"
    yield "a full wildcard as id", b"shop.product.>"


def cases() -> list[Hostile]:
    """All of them; those that are not about the subject stand on subjects of their own."""
    found: list[tuple[str, bytes | None, bytes]] = []
    found += [(name, headers, BODY) for name, headers in required_headers()]
    found += [(name, headers, BODY) for name, headers in header_values()]
    found += [(name, headers, BODY) for name, headers in header_blocks()]
    found += [(f"{name}, in an empty message", headers, b"") for name, headers in header_blocks()
              if name.startswith("looks like")]
    found += [(name, block(fields()), body) for name, body in bodies()]
    result = [Hostile(name, b"shop.product.hostile-%d" % index, headers, body)
              for index, (name, headers, body) in enumerate(found)]
    result += [Hostile(f"a subject with {name}", subject, block(fields())) for name, subject in subjects()]
    return result
