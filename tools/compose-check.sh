#!/usr/bin/env bash
# Builds stand-in images where none can be pulled, brings docker-compose.yml up, tests it and takes it down again.
# Says so and passes where no Docker engine can be had. Ends the engine if it had to start it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

skip() { echo "compose check skipped: $1"; exit 0; }

engine_ran=no
if docker info >/dev/null 2>&1; then engine_ran=yes; fi
if [[ $engine_ran == no && $(id -u) != 0 ]]; then skip "no Docker engine answers, and only root can start one"; fi
if [[ $engine_ran == no ]] && ! command -v apt-get >/dev/null; then skip "no Docker engine answers, and there is no apt-get to install one"; fi

log=$(mktemp)
export COMPOSE_PROJECT_NAME=holdfast-check
# Takes the project's containers and volumes away. An engine that does not answer gets a minute.
take_down() {
  timeout --kill-after=5 60 docker compose --profile tools --profile observability \
    down --volumes --remove-orphans --timeout 5 >/dev/null 2>&1 || true
}

# Ends the engine that this check started: asks, and kills it after 20 s.
end_engine() {
  local engine
  engine=$(</var/run/docker.pid)
  kill "$engine" 2>/dev/null || return 0
  for _ in $(seq 100); do [[ -d /proc/$engine ]] || return 0; sleep 0.2; done
  echo "the engine did not end within 20 s, so it is killed"
  kill -KILL "$engine" 2>/dev/null || true
}

finish() {
  local code=$?
  echo "$(date +%T)  taking the containers down"
  take_down
  if [[ $engine_ran == no && -f /var/run/docker.pid ]]; then
    echo "$(date +%T)  ending the engine"
    end_engine
  fi
  rm -f "$log"
  exit "$code"
}
trap finish EXIT

if ! tools/offline-images/build-images.sh >"$log" 2>&1; then
  if docker info >/dev/null 2>&1; then cat "$log"; exit 1; fi
  skip "no Docker engine could be started: $(tail -1 "$log")"
fi

# Containers with `restart: unless-stopped` come back with an engine that is started, and hold their ports: then one of
# the gateways fails with "all ports are allocated". Nobody runs them now, so they are stopped; what an engine that ran
# already has is somebody's.
if [[ $engine_ran == no ]]; then
  back=$(docker ps --format '{{.Names}}' | paste -sd ' ')
  if [[ -n $back ]]; then echo "stopping what came back with the engine: $back"; docker stop --time 5 $back >/dev/null; fi
fi

# Who else holds a port that the gateways need, one a line.
holders() {
  local port ours="container $COMPOSE_PROJECT_NAME-"
  for port in 8080 8081; do
    docker ps --filter "publish=$port" --format "port $port is held by container {{.Names}}" | grep -vF "$ours" || true
    .venv/bin/python - "$port" <<'PYTHON'
import sys, psutil
for held in psutil.net_connections("tcp"):
    if held.status == psutil.CONN_LISTEN and held.laddr.port == int(sys.argv[1]) and held.pid:
        holder = psutil.Process(held.pid)
        if holder.name() != "docker-proxy":
            print(f"port {sys.argv[1]} is held by process {held.pid}: {' '.join(holder.cmdline())[:100]}")
PYTHON
  done
}
held=$(holders)
if [[ -n $held ]]; then echo "$held"; exit 1; fi

# An earlier check that was killed has left its volumes: its orders have sold the stock that this one's orders need.
take_down

for try in 1 2; do
  echo "docker compose up --build --wait --wait-timeout 300"
  if docker compose up --build --wait --wait-timeout 300 >"$log" 2>&1; then break; fi
  tail -40 "$log"
  holders
  # Nobody else held one a moment ago, so this can only be the engine's own book of ports: it gets one more try.
  if [[ $try == 2 ]] || ! grep -q "all ports are allocated" "$log"; then
    docker compose ps --all
    docker compose logs --tail 15
    exit 1
  fi
  docker compose down --timeout 5 >/dev/null 2>&1
done
# Every container is killed in turn here while real orders come; the audit has to find nothing.
timeout --foreground --signal=INT --kill-after=60 1200 .venv/bin/pytest --reruns 1 -rR tests/compose/test_compose.py

# One `docker kill` under load, judged.
tools/judged.sh command-replica-killed --on docker --capacity 80

# FULL=1 tries every fault on containers as well, three minutes more.
if [[ ${FULL:-} == 1 ]]; then .venv/bin/pytest -rR tests/compose/test_faults.py; fi
