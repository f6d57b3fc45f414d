"""The API's process: `python -m api`."""

import gc
import logging
import signal
import socket
import sys
from types import FrameType

import uvicorn

from api.app import create_app
from api.local_auth import is_loopback
from api.studio import Studio
from connectors.settings import Settings
from genesis.errors import GenesisError

log = logging.getLogger(__name__)

GRACE_SECONDS = 3
"""Seconds open requests have to end after SIGTERM; streams are told to end at once."""


class NotLocal(GenesisError):
    """In auth mode `local` the API listens on this machine only. Set GENESIS_HOST to 127.0.0.1 or ::1."""


class Server(uvicorn.Server):
    """uvicorn that ends open streams when it stops, and ends with 0 after a signal."""

    failed = False

    def fail(self) -> None:
        """Stop because something died; the process ends with an error, so that it is replaced."""
        self.failed = True
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn's own would raise the signal again at the end, and a clean stop would look like a death.
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Modules, models and routes live as long as the process: no collection need look at them again.
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn waits for open responses before the app's own shutdown; a stream would never end.
        studio = getattr(self.config.app.state, "studio", None)  # type: ignore[union-attr]
        if isinstance(studio, Studio):
            studio.hub.close_streams()
        await super().shutdown(sockets)


def worth_saying(record: logging.LogRecord) -> bool:
    """Leaves out what we have said better: that a stream was cut off, and why the start failed."""
    message = record.getMessage()
    return "returned without completing response" not in message and not message.startswith("Traceback")


def main() -> int:
    """Serve until SIGTERM; the process's exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").addFilter(worth_saying)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    settings = Settings()
    if not is_loopback(settings.host):
        log.error("%s", NotLocal())
        return 2
    server: Server
    app = create_app(settings, on_failure=lambda: server.fail())
    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            backlog=2048,
        )
    )
    server.run()
    return 1 if server.failed or not server.started else 0


if __name__ == "__main__":
    sys.exit(main())
