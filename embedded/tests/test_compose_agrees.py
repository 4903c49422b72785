"""Both ways to run have the same versions, heaps, limits and published ports."""

import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from command_service.maintenance.settings import MaintenanceSettings
from embedded import servers, versions
from gateway.settings import GatewaySettings
from holdfast.resilience.settings import ADDRESS_RATE, ANONYMOUS_RATE, PASSWORD_RATE, REFUSAL_RATE, SESSION_RATE

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"


@pytest.mark.skipif(not COMPOSE.exists(), reason="there is no docker-compose.yml")
def test_compose_runs_the_same_servers_with_the_same_bounds() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())["services"]
    texts = {name: yaml.safe_dump(service, width=10_000) for name, service in compose.items()}
    assert compose["kafka"]["image"] == f"apache/kafka:{versions.KAFKA_VERSION}"
    assert compose["elasticsearch"]["image"] == f"elasticsearch:{versions.ELASTICSEARCH_VERSION}"
    for name, heap in (("kafka", versions.KAFKA_HEAP_MB), ("elasticsearch", versions.ELASTICSEARCH_HEAP_MB)):
        assert set(re.findall(r"-Xm[sx]\w+", texts[name])) == {f"-Xms{heap}m", f"-Xmx{heap}m"}, name
        assert "-XX:TieredStopAtLevel=1" in texts[name], name
    assert set(servers.ELASTICSEARCH_JVM.split()) - {"-XX:-AlwaysPreTouch"} <= set(texts["elasticsearch"].split())
    assert f"max_connections={versions.POSTGRES_MAX_CONNECTIONS}" in texts["postgres"]
    first, last = versions.PORTS["gateway-1"], versions.PORTS["gateway-2"]
    assert compose["gateway"]["ports"] == [f"127.0.0.1:${{GATEWAY_PORTS:-{first}-{last}}}:{first}"]


@pytest.mark.skipif(not COMPOSE.exists(), reason="there is no docker-compose.yml")
def test_compose_switches_protections_by_the_same_settings_and_the_gateways_know_every_process() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    ours = {name: one for name, one in services.items() if one.get("command", [""])[0] == "python"}
    for name, one in ours.items():
        given = {key: one["environment"][key] for key in ("CONTAINMENT", "PROTECTIONS_OFF")}
        assert given == {"CONTAINMENT": "${CONTAINMENT:-on}", "PROTECTIONS_OFF": "${PROTECTIONS_OFF:-}"}, name
    watched = services["gateway"]["environment"]["STATUS_URLS"].split(",")
    assert {entry.partition("=")[0] for entry in watched} == set(ours)


@pytest.mark.skipif(not COMPOSE.exists(), reason="there is no docker-compose.yml")
def test_compose_allows_the_one_address_that_it_sees_ten_times_what_an_address_may_have() -> None:
    given = yaml.safe_load(COMPOSE.read_text())["services"]["gateway"]["environment"]
    for name, rate in (("ADDRESS", ADDRESS_RATE), ("ANONYMOUS", ANONYMOUS_RATE), ("SESSION", SESSION_RATE),
                       ("PASSWORD", PASSWORD_RATE), ("REFUSAL", REFUSAL_RATE)):  # fmt: skip
        assert given[f"{name}_RATE_PER_S"] == f"${{{name}_RATE_PER_S:-{10 * rate.per_s}}}"
        assert given[f"{name}_RATE_BURST"] == f"${{{name}_RATE_BURST:-{10 * rate.burst}}}"
    fields = GatewaySettings.model_fields
    for name in ("guests_at_once", "anonymous_share", "newcomers_share"):
        assert given[name.upper()] == f"${{{name.upper()}:-{10 * fields[name].default}}}"


def test_the_roles_and_the_database_are_the_ones_that_settings_default_to() -> None:
    fields = MaintenanceSettings.model_fields
    assert servers.postgres_dsn(5432) == fields["postgres_dsn"].default
    assert servers.postgres_owner_dsn(5432) == fields["postgres_owner_dsn"].default


@pytest.mark.skipif(not COMPOSE.exists(), reason="there is no docker-compose.yml")
def test_every_container_is_bounded_and_only_what_publishes_a_port_can_be_reached_from_outside() -> None:
    told = yaml.safe_load(COMPOSE.read_text())
    assert told["networks"] == {"inner": {"internal": True}, "edge": None}
    for name, one in told["services"].items():
        assert one["mem_limit"], name
        assert 0 < one["pids_limit"] <= 1000, name
        assert one["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}, name
        assert ("edge" in one["networks"]) == ("ports" in one), name
        assert "inner" in one["networks"], name
        for port in one.get("ports", ()):
            assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORTS?:-[0-9-]+\}:[0-9]+", port), name


@pytest.mark.skipif(not COMPOSE.exists(), reason="there is no docker-compose.yml")
def test_the_project_s_own_containers_can_write_nothing_and_gain_no_privilege() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name, one in services.items():
        if "build" in one:
            assert one["read_only"] is True, name
            assert one["cap_drop"] == ["ALL"], name
            assert one["security_opt"] == ["no-new-privileges:true"], name
