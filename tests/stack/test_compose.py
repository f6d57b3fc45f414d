"""docker/compose.yaml says the same as the launcher, as far as that can be told without an engine."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from connectors.settings import Settings
from stack import connect, jars, kafka

DOCKER = Path(__file__).parents[2] / "docker"


@pytest.fixture(scope="module")
def services() -> dict[str, str]:
    """Each service's lines. The file is read by indentation: no YAML library is among the dependencies."""
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    body = re.search(r"^services:\n(.*?)^volumes:", text, re.DOTALL | re.MULTILINE)[1]
    pieces = re.split(r"^  (\w+):\n", body, flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def test_the_images_are_the_releases_that_the_jars_are(services):
    locked = {entry.coordinates.rsplit(":", 1)[0]: entry.coordinates.rsplit(":", 1)[1] for entry in jars.locked()}

    assert f"apache/kafka:{locked['org.apache.kafka:kafka_2.13']}" in services["kafka"]
    debezium = locked["io.debezium:debezium-connector-postgres"]
    assert f"quay.io/debezium/connect:{debezium}" in services["connect"]
    assert "image: postgres:18" in services["postgres"]


def test_the_services_are_set_as_the_embedded_ones_are(services):
    for setting in ("offsets.retention.minutes=525600", "auto.create.topics.enable=false"):
        name, value = setting.split("=")
        assert setting in kafka.PROPERTIES.format(port=1, controller=1, folder="", retention=kafka.YEAR_MINUTES)
        assert re.search(rf'KAFKA_{name.upper().replace(".", "_")}: "?{value}"?\n', services["kafka"])
    for setting in ("offset.flush.interval.ms=5000", "plugin.discovery=service_load"):
        name, value = setting.split("=")
        assert setting in connect.PROPERTIES
        assert re.search(rf"(CONNECT_)?{name.upper().replace('.', '_')}: {value}\n", services["connect"])
    for setting in ("wal_level=logical", "max_slot_wal_keep_size=2GB", "listen_addresses=127.0.0.1"):
        assert f"- {setting}\n" in services["postgres"]


def test_what_our_container_is_told_are_settings(services):
    names = re.findall(r"^      GENESIS_(\w+):", services["studio"], re.MULTILINE)

    assert {"POSTGRES_DSN", "KAFKA_BOOTSTRAP", "CONNECT_URL", "DBZ_PW"} == set(names)
    assert {name.lower() for name in names} <= set(Settings.model_fields)


def test_no_service_is_open_to_other_machines(services):
    for name, text in services.items():
        assert "network_mode: host" in text, name
        assert "0.0.0.0" not in text
        assert "ports:" not in text


def test_every_file_the_image_takes_is_there():
    for line in (DOCKER / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (DOCKER.parent / source).exists(), source


def test_compose_itself_accepts_the_file():
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no docker compose on this machine")
    shown = subprocess.run(
        [docker, "compose", "-f", str(DOCKER / "compose.yaml"), "config", "--format", "json"],
        env={"POSTGRES_PASSWORD": "a", "GENESIS_DBZ_PW": "b", "PATH": "/usr/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(json.loads(shown.stdout)["services"]) == {"postgres", "kafka", "connect", "studio"}
