"""The console command as an operator runs it, on any installation."""

import asyncio
import os
import sys

from connectors.settings import Settings

PORTS = ("postgres_port", "kafka_port", "kafka_controller_port", "connect_port", "port")


async def genesis(settings: Settings, *arguments: str) -> tuple[int, str]:
    """Runs the console command on this installation; its exit code and what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GENESIS_")}
    environment["GENESIS_DATA"] = str(settings.data)
    environment |= {f"GENESIS_{name.upper()}": str(getattr(settings, name)) for name in PORTS}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stack", *arguments),
        env={**environment, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()
