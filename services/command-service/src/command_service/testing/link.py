"""A TCP link to a server that a test holds up (a paused server) or cuts (a killed one)."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit


class Link:
    """Stands in front of the PostgreSQL of `dsn`; `self.dsn` leads through it. Refuses connections until `start`."""

    def __init__(self, dsn: str, port: int) -> None:
        self._url = urlsplit(dsn)
        self._port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()

    @property
    def dsn(self) -> str:
        return urlunsplit(
            self._url._replace(netloc=f"{self._url.username}:{self._url.password}@127.0.0.1:{self._port}")
        )

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)

    def pause(self) -> None:
        """Connections are accepted and nothing passes."""
        self._passing.clear()

    def resume(self) -> None:
        self._passing.set()

    async def cut(self) -> None:
        """Connections break and are refused until `start`."""
        self.resume()
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # the loop's end cancels it, and would log that
            onward_reader, onward = await asyncio.open_connection(self._url.hostname, self._url.port)
            self._writers |= {writer, onward}
            await asyncio.gather(self._pump(reader, onward), self._pump(onward_reader, writer))
            self._writers -= {writer, onward}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                await self._passing.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()
