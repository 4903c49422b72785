"""HTTP/1.1 as uvicorn speaks it with httptools, with bounds on all that a caller sends before a request is a request.

Why a subclass, and what it changes: docs/decisions/0020. Each connection is in one phase at a time; `ConnectionTable`
ends it when the phase's deadline is over.
"""

import asyncio
import random
from typing import Any, Final

import structlog
from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from holdfast.service import request_head
from holdfast.service.connections import (
    BUSY,
    HEAD,
    HELD,
    HOLD_S,
    IDLE,
    LINGER_BYTES,
    LINGERING,
    NEVER,
    REST,
    ConnectionTable,
    TimedConnection,
)  # fmt: skip
from holdfast.service.problems import Problem
from holdfast.service.request_head import MAX_HEAD_BYTES, MAX_HEADERS, MAX_TARGET_BYTES
from holdfast.service.response_writer import ResponseWriter

log = structlog.get_logger(__name__)
MAX_PIPELINED: Final = 8
"""Requests that wait behind the one being answered; what comes after them has to come on a new connection."""
SMALL_BODY_BYTES: Final = 64 * 1024
"""A body of this length at most is read to its end after an early answer; for a longer one the connection closes."""
SLICE_BYTES: Final = 16 * 1024
"""What the parser gets at a time, so that a bound is noticed no later; a usual request is one slice."""

_NOTED: Final = frozenset({b"content-length", b"transfer-encoding", b"expect"})


class _Stop(Exception):
    """Raised inside the parser to leave the rest of the data alone."""


class BoundedProtocol(HttpToolsProtocol, TimedConnection):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        table: ConnectionTable,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.wait_by(table)
        self._running: RequestResponseCycle | None = None
        self._deaf = False  # bytes are thrown away from now on
        self._discarded = 0
        self._refusal: Problem | None = None  # for what came behind requests that are still to be answered
        self._held_answer = b""
        self._hold: asyncio.TimerHandle | None = None
        self._in_head = False  # also in a chunk's header or trailers: where the parser keeps bytes to itself
        self._head_bytes = 0  # of the slices that ended within it
        self._line_ended = False  # the request line, in these slices
        self._hosts = 0
        self._large_body = False
        self._keep_alive = True  # once the body is there
        self._upgrade = False
        self.url = b""

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._writer = ResponseWriter(transport, self.loop, self.close_after_answer)
        problem = self.table.add(self)
        self.enter(HEAD)
        if problem is not None and not transport.is_closing():
            self._write_refusal(problem)

    def connection_lost(self, exc: Exception | None) -> None:
        self.table.remove(self)
        if self._hold is not None:
            self._hold.cancel()
        self.pipeline.clear()
        running = self._running
        if running is not None:
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)
        del self._writer  # a cycle, as the parser is

    def shutdown(self) -> None:
        if self._running is None:
            self.transport.close()
        else:
            self.cycle.keep_alive = self._keep_alive = False

    def close_after_answer(self) -> None:
        """Close, in such a way that the caller can read its answer though it is still sending."""
        if self._deaf or (self.cycle is not None and self.cycle.more_body):
            self._linger()
        else:
            self.transport.close()

    def expire(self) -> None:
        if self.phase == HELD:
            self._answer_held()
        elif self.phase == HEAD and self._in_head:
            self.table.count_closed("request-timeout")
            self._write_refusal(Problem(408, "request-timeout", "the request's headers did not arrive in time"))
        else:
            self.close_waiting()

    # Bytes

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES:
                self.transport.abort()
        elif len(data) <= SLICE_BYTES:
            self._receive(data)
        else:
            for start in range(0, len(data), SLICE_BYTES):
                if not self._deaf:
                    self._receive(data[start : start + SLICE_BYTES])

    def _receive(self, data: bytes) -> None:
        sent = data
        if not data.isascii() and not self._past_request_line():
            data = request_head.escape_target(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except HttpParserCallbackError as error:
            cause = error.__context__
            if isinstance(cause, Problem):
                self._refuse(cause)
            elif not isinstance(cause, _Stop):
                raise
        except HttpParserError as error:
            self._refuse(request_head.parser_problem(error, sent))
        else:
            if self._in_head:
                self._count_head(data)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the request anew as one that asks for no upgrade (RFC 9110, 7.8): the parser has skipped its body."""
        self._upgrade = False
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self._receive(request_head.head_without_upgrade(method, self.url, version, self.headers) + rest)

    def _past_request_line(self) -> bool:
        if self._in_head:
            return self._head_bytes > 0 and self._line_ended
        return self.cycle is not None and self.cycle.more_body

    def _count_head(self, data: bytes) -> None:
        if self.phase == IDLE:
            self.enter(HEAD)
        self._line_ended = (self._head_bytes > 0 and self._line_ended) or b"\n" in data.lstrip(b"\r\n")
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refuse(request_head.headers_too_large())

    # What the parser reports

    def on_message_begin(self) -> None:
        if self.pipeline and len(self.pipeline) >= MAX_PIPELINED:
            self.cycle.keep_alive = False
            self._deaf = True
            raise _Stop
        super().on_message_begin()
        self._in_head = True
        self._hosts = 0
        self._large_body = False

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MAX_TARGET_BYTES:
            raise request_head.target_too_long()

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name in _NOTED:
            self._note(name, value)
        self.headers.append((name, value))

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            self._large_body = int(value) > SMALL_BODY_BYTES
        elif name == b"transfer-encoding":
            request_head.require_chunked(value)
            self._large_body = True
        elif value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        parser, scope = self.parser, self.scope
        if self._head_bytes or len(self.headers) > MAX_HEADERS:  # a head in one slice cannot be too large otherwise
            self._head_bytes = 0
            request_head.require_bounded(self.headers)
        method, version = parser.get_method(), parser.get_http_version()
        if version != "1.1" or self._hosts != 1:
            request_head.require_version(version, self._hosts)
            self.expect_100_continue = self.expect_100_continue and version == "1.1"
            scope["http_version"] = version
        if parser.should_upgrade():
            if method == b"CONNECT":
                raise request_head.method_unknown(method)
            self._upgrade = True
            return
        scope["method"] = method.decode("ascii")
        path, scope["raw_path"], scope["query_string"] = request_head.split_target(self.url, method)
        scope["path"] = path
        app = self.app if path != "*" else request_head.answer_options
        self.headers = []  # trailers are none of the request's headers
        self._keep_alive = version == "1.1" and parser.should_keep_alive()
        # An answer before the end of a large body ends the connection. So does one to a caller that waits for 100:
        # whether its body still comes, nothing tells.
        keeps = self._keep_alive and not self._large_body and not self.expect_100_continue
        self.cycle = RequestResponseCycle(
            scope=scope,
            transport=self._writer,  # type: ignore[arg-type]
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keeps,
            on_response=self.on_response_complete,
        )
        if self._running is None:
            self._start(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def on_chunk_header(self) -> None:
        self._in_head = self._line_ended = True
        self._head_bytes = 1

    def on_body(self, body: bytes) -> None:
        self._in_head = False
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self._upgrade:
            return
        self._in_head = False
        self._head_bytes = 0
        cycle = self.cycle
        cycle.more_body = False
        if not cycle.response_started:
            cycle.keep_alive = self._keep_alive
        if cycle.response_complete:
            self._await_request()
        else:
            cycle.message_event.set()

    # Requests and answers

    def _start(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        self.phase = BUSY
        self.deadline = NEVER
        self._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._running = None
        self._writer.end()
        if self.phase == LINGERING or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start(*self.pipeline.pop())
        elif self._refusal is not None:
            self._answer(self._refusal)
        elif self.cycle.more_body:
            self.enter(REST)
        else:
            self._await_request()

    def _await_request(self) -> None:
        """Keep nothing of the last request: an idle connection costs little."""
        self.cycle = None  # type: ignore[assignment]
        if self._in_head:
            self.enter(HEAD)
        else:
            self.scope = self.headers = None  # type: ignore[assignment]
            self.url = b""
            self.phase = IDLE
            self.deadline = self.table.now + self.keep_alive_s

    def _refuse(self, problem: Problem) -> None:
        """Answer for the application, after the answers to earlier requests, and close."""
        self._deaf = True
        cycle = self.cycle
        if cycle is not None and cycle.more_body:  # its body is what is wrong
            if cycle is self._running:
                self._running = None
            elif not cycle.response_complete:
                self.pipeline.popleft()
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self._linger()
                return
        if self._running is None:
            self._answer(problem)
        else:
            self._refusal = problem

    def _answer(self, problem: Problem) -> None:
        self.table.count_closed(problem.code)
        answer = self._refusal_of(problem)
        if self.table.holds_back(self.address):
            self._held_answer = answer
            self._forget_request()
            self.enter(HELD)
            self._hold = self.loop.call_later(random.uniform(*HOLD_S), self._answer_held)
        else:
            self._write_last(answer)

    def _answer_held(self) -> None:
        if self.phase == HELD and not self.transport.is_closing():
            self._write_last(self._held_answer)

    def _forget_request(self) -> None:
        """Keep nothing of a request that was refused: the parser keeps its error, and that all bytes being read."""
        self._refusal = self.parser = self.scope = self.headers = None  # type: ignore[assignment]
        self.url = b""

    def _write_refusal(self, problem: Problem) -> None:
        self._write_last(self._refusal_of(problem))

    def _refusal_of(self, problem: Problem) -> bytes:
        log.debug("request_refused", code=problem.code, detail=problem.detail, address=self.address)
        head_only = self.url != b"" and self.parser.get_method() == b"HEAD"
        default_headers = self.server_state.default_headers
        return request_head.refusal(problem, self.url, default_headers, without_body=head_only)

    def _write_last(self, answer: bytes) -> None:
        self.transport.write(answer)
        self._linger()

    def _linger(self) -> None:
        """Half-close, and read and throw away for a while (RFC 9112, 9.6)."""
        self._deaf = True
        self._running = None
        if not self.transport.is_closing():
            self._writer.flush()
            self.enter(LINGERING)
            self.transport.write_eof()
            self.flow.resume_reading()
