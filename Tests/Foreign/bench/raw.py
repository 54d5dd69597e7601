"""A client on the bare protocol, for messages that a well-behaved client refuses to send."""

from __future__ import annotations

import asyncio


class RawClient:
    """Speaks the NATS protocol over TCP, and checks nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> RawClient:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        await client.reader.readline()  # INFO
        client.writer.write(b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n')
        await client.settle()
        return client

    async def settle(self) -> bytes:
        """Waits until the server has read everything; returns what it complained about."""
        self.writer.write(b"PING\r\n")
        complaints = b""
        while (line := await asyncio.wait_for(self.reader.readline(), 10)) != b"PONG\r\n":
            if not line:
                raise ConnectionError(f"the server closed the connection: {complaints!r}")
            complaints += line
        return complaints

    def publish(self, subject: bytes, headers: bytes | None, body: bytes) -> None:
        """Sends a message with this very header block, `NATS/1.0` line included, or with none."""
        if headers is None:
            self.writer.write(b"PUB %s %d\r\n%s\r\n" % (subject, len(body), body))
        else:
            sizes = (len(headers), len(headers) + len(body))
            self.writer.write(b"HPUB %s %d %d\r\n%s%s\r\n" % (subject, *sizes, headers, body))

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
