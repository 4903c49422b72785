"""A download is whole or absent, and two at once don't disturb each other."""

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from embedded import artifacts, fetch
from embedded.artifacts import FetchFailed, Locked
from embedded.cli import main
from embedded.download import download
from embedded.versions import ELASTICSEARCH_VERSION, KAFKA_VERSION

CONTENT = b"the jar's content" * 1000


class Mirror(ThreadingHTTPServer):
    """A Maven repository whose every file is CONTENT, announced longer than it is as often as `cut_off` says."""

    cut_off = 0
    requests = 0


class Answer(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.requests += 1
        missing = 1 if self.server.cut_off > 0 else 0
        self.server.cut_off -= 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) + missing))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    with Mirror(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True).start()
        monkeypatch.setenv("HOLDFAST_MAVEN_URL", f"http://127.0.0.1:{server.server_port}/")
        yield server
        server.shutdown()


def jar(name: str = "jar", content: bytes = CONTENT) -> Locked:
    return Locked("org.example", name, "1.0", "jar", hashlib.sha256(content).hexdigest(), len(content))


def files(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


def test_a_file_that_comes_whole_is_kept_readable_by_all(mirror: Mirror, tmp_path: Path) -> None:
    seen: list[int] = []
    download(tmp_path, [jar()], seen.append)
    assert files(tmp_path) == [jar().path(tmp_path)]
    assert jar().path(tmp_path).read_bytes() == CONTENT
    assert jar().path(tmp_path).stat().st_mode & 0o444 == 0o444
    assert sum(seen) == len(CONTENT)


def test_a_download_cut_off_once_is_repeated(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_off = 1
    seen: list[int] = []
    download(tmp_path, [jar()], seen.append)
    assert jar().is_whole(tmp_path)
    assert sum(seen) == len(CONTENT)


def test_a_download_cut_off_every_time_leaves_nothing_behind(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_off = 99
    with pytest.raises(FetchFailed, match=r"jar-1\.0\.jar could not be fetched"):
        download(tmp_path, [jar()], lambda _: None)
    assert files(tmp_path) == []


def test_a_file_with_another_checksum_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match="SHA-256"):
        download(tmp_path, [jar(content=b"another content")], lambda _: None)
    assert files(tmp_path) == []


def test_a_mirror_that_is_away_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_MAVEN_URL", "http://127.0.0.1:9")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as cache:
        Path(cache).chmod(0o755)
        monkeypatch.setenv("HOLDFAST_CACHE", cache)
        with pytest.raises(SystemExit) as ended:
            main(["fetch"])
    assert "could not be fetched" in str(ended.value.code)
    assert "127.0.0.1" in str(ended.value.code)
    assert "\n" not in str(ended.value.code)


def test_a_file_that_has_lost_its_end_is_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    download(tmp_path, [jar()], lambda _: None)
    jar().path(tmp_path).write_bytes(CONTENT[:-1])
    assert not jar().is_whole(tmp_path)
    download(tmp_path, [jar()], lambda _: None)
    assert jar().is_whole(tmp_path)


def test_a_layout_cut_off_in_the_middle_is_made_anew(tmp_path: Path) -> None:
    def half(target: Path) -> None:
        target.mkdir()
        (target / "half").touch()
        raise KeyboardInterrupt

    def whole(target: Path) -> None:
        target.mkdir()
        (target / "whole").touch()

    with pytest.raises(KeyboardInterrupt):
        fetch.laid_out(tmp_path / "java", half)
    assert not (tmp_path / "java").exists()
    assert [path.name for path in fetch.laid_out(tmp_path / "java", whole).iterdir()] == ["whole"]


def test_only_one_process_works_on_the_cache_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    order: list[str] = []
    with fetch.only_one(lock):
        waiter = threading.Thread(target=lambda: _enter(lock, order))
        waiter.start()
        waiter.join(0.2)
        order.append("first leaves")
    waiter.join(5)
    assert order == ["first leaves", "second enters"]


def _enter(lock: Path, order: list[str]) -> None:
    with fetch.only_one(lock):
        order.append("second enters")


def test_the_lock_pins_one_zip_and_every_jar_by_sha256() -> None:
    locked = artifacts.read_lock()
    assert [file.name for file in locked if file.packaging == "zip"] == ["elasticsearch"]
    assert len({file.path(Path()) for file in locked}) == len(locked) > 40
    assert all(len(file.sha256) == 64 and file.size_bytes > 0 for file in locked)


def test_the_lock_is_of_the_versions_that_run() -> None:
    locked = {file.name: file.version for file in artifacts.read_lock()}
    assert locked["kafka_2.13"] == KAFKA_VERSION
    assert locked["elasticsearch"] == ELASTICSEARCH_VERSION
