"""A TCP link to a server that a test holds up (a paused server) or cuts (a killed one)."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit


class Link:
    """Stands in front of the server of `url`; `self.url` is the same address through it. Refuses until `start`.

    The port is taken by the first `start` and kept through later ones; `port` sets it beforehand.
    """

    def __init__(self, url: str, port: int = 0) -> None:
        self._there = urlsplit(url)
        self._port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._questions = asyncio.Event()
        self._answers = asyncio.Event()
        self.resume()

    @property
    def url(self) -> str:
        credentials, at, _ = self._there.netloc.rpartition("@")
        return self._there._replace(netloc=f"{credentials}{at}127.0.0.1:{self._port}").geturl()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def pause(self) -> None:
        """Connections are accepted and nothing passes."""
        self._questions.clear()
        self._answers.clear()

    def hold_answers(self) -> None:
        """What is asked arrives, the answers don't come back."""
        self._answers.clear()

    def resume(self) -> None:
        self._questions.set()
        self._answers.set()

    def cut(self) -> None:
        """Every connection breaks; new ones are accepted."""
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        """Connections break and are refused until `start`."""
        if self._server is not None:
            self._server.close()
        self.resume()
        self.cut()
        await asyncio.sleep(0)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):  # the loop's end cancels it, and would log that
            onward_reader, onward = await asyncio.open_connection(self._there.hostname, self._there.port)
            self._writers |= {writer, onward}
            await asyncio.gather(
                self._pump(reader, onward, self._questions), self._pump(onward_reader, writer, self._answers)
            )
            self._writers -= {writer, onward}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                await passing.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()
