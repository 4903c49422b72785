"""Writes artifacts.lock anew: `python -m embedded.relock`, after a version in versions.py has changed.

Every file is checked against the SHA-1 that Maven Central publishes beside it (Elasticsearch's zip has none) before
its SHA-256 is written down.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

import requests
from jgo.maven import Artifact, MavenContext

from embedded.download import context
from embedded.versions import ELASTICSEARCH_VERSION, KAFKA_VERSION

_KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
_KAFKA_LOGGING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3")
_ELASTICSEARCH = ("org.elasticsearch.distribution.integ-test-zip", "elasticsearch", ELASTICSEARCH_VERSION)


def main() -> None:
    """Resolves Kafka with its dependencies and Elasticsearch's zip, and writes their checksums."""
    with tempfile.TemporaryDirectory() as cache:
        maven = context(Path(cache), lambda _: None, [])
        lines = sorted(_locked(artifact) for artifact in _wanted(maven))
    head = "# group:name:packaging:version SHA-256 bytes; written by `python -m embedded.relock`\n"
    Path(__file__).with_name("artifacts.lock").write_text(head + "".join(lines))


def _wanted(maven: MavenContext) -> list[Artifact]:
    kafka = maven.create_dependency(_KAFKA)
    resolved, transitive = maven.resolver.resolve([kafka])
    group, name, version = _KAFKA_LOGGING
    logging = maven.project(group, name).at_version(version).artifact()
    group, name, version = _ELASTICSEARCH
    elasticsearch = maven.project(group, name).at_version(version).artifact(packaging="zip")
    return [*(dependency.artifact for dependency in resolved + transitive), logging, elasticsearch]


def _locked(artifact: Artifact) -> str:
    content = Path(artifact.resolve()).read_bytes()
    base = next(iter(artifact.context.remote_repos.values()))
    url = f"{base}/{artifact.component.path_prefix.as_posix()}/{artifact.filename}.sha1"
    published = requests.get(url, timeout=30)
    if published.status_code == requests.codes.not_found:
        print(f"{artifact.filename}: no published checksum, its SHA-256 is taken as it came", file=sys.stderr)
    elif published.text.split()[0] != hashlib.sha1(content).hexdigest():
        raise SystemExit(f"{artifact.filename} differs from its published SHA-1")
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.packaging}:{artifact.version}"
    return f"{coordinate} {hashlib.sha256(content).hexdigest()} {len(content)}\n"


if __name__ == "__main__":
    main()
