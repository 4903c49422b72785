"""PostgreSQL, Kafka and Elasticsearch: configuration, first-time preparation, command line and readiness."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from embedded import places, probes
from embedded.fetch import Programs
from embedded.program import PreparationFailed, Program
from embedded.versions import ELASTICSEARCH_HEAP_MB, KAFKA_HEAP_MB, POSTGRES_MAX_CONNECTIONS

JVM_NICENESS = 5
"""A JVM that starts again must not take the processor from the shop that goes on.

Where Linux schedules by session (autogroup) each part is a group of its own, which bounds it as well, and this adds
nothing.
"""

_OWNER = _DATABASE = _OWNER_PASSWORD = "holdfast"
_SERVICE_ROLE, _SERVICE_PASSWORD = "holdfast_service", "holdfast-service"
_PREPARE_TIMEOUT_S = 120
_KAFKA_CLUSTER_ID = "aG9sZGZhc3QtZW1iZWRkZQ"


@dataclass(frozen=True, slots=True)
class Ground:
    """What the servers of one stack stand on: the programs, their directory, the user they run as, their ports."""

    programs: Programs
    directory: Path
    account: places.Account | None
    ports: Mapping[str, int]

    def own(self, *parts: str) -> Path:
        """A directory for one server, made if it is missing and writable by its user."""
        path = self.directory
        places.make_directory(path)
        path.chmod(0o755)
        for part in parts:
            path = path / part
            places.make_directory(path, self.account)
        return path


def postgres_dsn(port: int) -> str:
    """The DSN of the database that the stack's services share, with the role that they have."""
    return f"postgresql://{_SERVICE_ROLE}:{_SERVICE_PASSWORD}@127.0.0.1:{port}/{_DATABASE}"


def postgres_owner_dsn(port: int) -> str:
    """The same with the role that owns the tables."""
    return f"postgresql://{_OWNER}:{_OWNER_PASSWORD}@127.0.0.1:{port}/{_DATABASE}"


def postgres(ground: Ground) -> Program:
    """PostgreSQL on 127.0.0.1 without a Unix socket; its log goes to the supervisor's."""
    port = ground.ports["postgres"]
    home = ground.directory / "postgres"
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": str(POSTGRES_MAX_CONNECTIONS),
        "shared_buffers": "64MB",
        "jit": "off",
        "log_lock_waits": "on",
        "log_error_verbosity": "terse",  # details of an error hold the values of a row, e-mails among them
        "log_line_prefix": "%m [%p] %a ",
    }
    options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        argv=(str(ground.programs.postgres_bin / "postgres"), "-D", str(home / "data"), *options),
        cwd=home,
        port=port,
        is_server=True,
        account=ground.account,
        stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown: it does not wait for its clients
        prepare=partial(_prepare_postgres, ground),
        ready=partial(probes.postgres_ready, port, _OWNER, _DATABASE),
    )


def _prepare_postgres(ground: Ground) -> None:
    data = ground.own("postgres") / "data"
    # Whatever wrote it has ended: the supervisor holds the stack's lock and has ended what was left. Its number may
    # belong to another process by now, and PostgreSQL would refuse to start.
    (data / "postmaster.pid").unlink(missing_ok=True)
    if (data / "PG_VERSION").exists():
        return
    half = data.with_name("data.part")
    shutil.rmtree(half, ignore_errors=True)
    binary = ground.programs.postgres_bin
    with tempfile.NamedTemporaryFile("w", dir=data.parent) as password:
        password.write(_OWNER_PASSWORD)
        password.flush()
        if ground.account is not None:
            os.chown(password.name, ground.account.uid, ground.account.gid)
        arguments = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", f"-U{_OWNER}"]
        _run(ground, [str(binary / "initdb"), *arguments, f"--pwfile={password.name}", "-D", str(half)])
    statement = f'CREATE DATABASE "{_DATABASE}"'
    _run(ground, [str(binary / "postgres"), "--single", "-D", str(half), "postgres"], stdin=statement)
    half.rename(data)


def kafka(ground: Ground) -> Program:
    """A single Kafka broker that is its own controller."""
    home = ground.directory / "kafka"
    options = [f"-Xms{KAFKA_HEAP_MB}m", f"-Xmx{KAFKA_HEAP_MB}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    # The classes it has loaded are kept when it ends: from the second start on it needs half the time to be up.
    options += [
        "-XX:+AutoCreateSharedArchive",
        "-XX:+VerifySharedSpaces",
        f"-XX:SharedArchiveFile={home / 'classes.jsa'}",
    ]
    options += ["-XX:+ExitOnOutOfMemoryError", f"-Dlog4j2.configurationFile={home / 'log4j2.properties'}"]
    return Program(
        name="kafka",
        argv=(*_java(ground, options), "kafka.Kafka", str(home / "server.properties")),
        cwd=home,
        port=ground.ports["kafka"],
        is_server=True,
        account=ground.account,
        niceness=JVM_NICENESS,
        prepare=partial(_prepare_kafka, ground),
        ready=partial(probes.kafka_ready, ground.ports["kafka"]),
    )


def _java(ground: Ground, options: Sequence[str]) -> tuple[str, ...]:
    return (str(ground.programs.java), *options, "-cp", ground.programs.kafka_classpath)


def _prepare_kafka(ground: Ground) -> None:
    home = ground.own("kafka")
    data = home / "data"
    broker, controller = (f"127.0.0.1:{ground.ports[name]}" for name in ("kafka", "kafka-controller"))
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Half of the small heap would go into the log cleaner's table otherwise.
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        "num.network.threads": "2",
        "num.io.threads": "4",
    }
    configuration = home / "server.properties"
    configuration.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    (home / "log4j2.properties").write_text(_KAFKA_LOGGING)
    if not (data / "meta.properties").exists():
        options = ["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        tool = ["kafka.tools.StorageTool", "format", "-t", _KAFKA_CLUSTER_ID, "-c", str(configuration)]
        shutil.rmtree(data, ignore_errors=True)
        _run(ground, [*_java(ground, options), *tool])


_KAFKA_LOGGING = """\
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
"""


# With the two sizes left small, each step of their growth is a full collection: no search is answered for 0.1 to 0.3 s.
ELASTICSEARCH_JVM = (
    "-XX:+UseSerialGC -XX:-AlwaysPreTouch -XX:TieredStopAtLevel=1 -XX:MetaspaceSize=128m -XX:ReservedCodeCacheSize=128m"
)


def elasticsearch(ground: Ground) -> Program:
    """A single Elasticsearch node without security, which refuses to make an index by itself."""
    home = ground.directory / "elasticsearch"
    heap = f"-Xms{ELASTICSEARCH_HEAP_MB}m -Xmx{ELASTICSEARCH_HEAP_MB}m"
    return Program(
        name="elasticsearch",
        argv=(str(ground.programs.elasticsearch_home / "bin" / "elasticsearch"),),
        cwd=home,
        env={
            "ES_JAVA_HOME": str(ground.programs.java_home),
            "ES_PATH_CONF": str(home / "config"),
            "ES_TMPDIR": str(home / "tmp"),
            "ES_JAVA_OPTS": f"{heap} {ELASTICSEARCH_JVM}",
            "CLI_JAVA_OPTS": "-Xmx32m -XX:TieredStopAtLevel=1",
        },
        port=ground.ports["elasticsearch"],
        is_server=True,
        account=ground.account,
        niceness=JVM_NICENESS,
        prepare=partial(_prepare_elasticsearch, ground),
        ready=partial(probes.elasticsearch_ready, ground.ports["elasticsearch"]),
    )


def _prepare_elasticsearch(ground: Ground) -> None:
    for part in ("data", "logs", "tmp"):
        ground.own("elasticsearch", part)
    config = ground.own("elasticsearch", "config")
    settings = {
        "cluster.name": "holdfast",
        "node.name": "elasticsearch",
        "path.data": str(config.with_name("data")),
        "path.logs": str(config.with_name("logs")),
        "network.host": "127.0.0.1",
        "http.port": str(ground.ports["elasticsearch"]),
        "transport.port": str(ground.ports["elasticsearch-transport"]),
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        "action.auto_create_index": "false",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    (config / "elasticsearch.yml").write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))
    shipped = ground.programs.elasticsearch_home / "config"
    shutil.copyfile(shipped / "log4j2.properties", config / "log4j2.properties")
    # The runtime has no vector module, the collector is another, and the collector's log would fill the disk.
    unwanted = ("jdk.incubator.vector", "-XX:+UseG1GC", "-Xlog:gc")
    lines = (shipped / "jvm.options").read_text().splitlines()
    kept = [line for line in lines if not any(part in line for part in unwanted)]
    (config / "jvm.options").write_text("\n".join(kept) + "\n")


def _run(ground: Ground, argv: Sequence[str], stdin: str = "") -> None:
    account = ground.account
    identity = {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
    done = subprocess.run(
        argv,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PREPARE_TIMEOUT_S,
        check=False,
        cwd=ground.directory,
        **identity,  # type: ignore[call-overload]
    )
    if done.returncode != 0:
        raise PreparationFailed(f"{Path(argv[0]).name} ended with {done.returncode}: {done.stdout.strip()[-2000:]}")
