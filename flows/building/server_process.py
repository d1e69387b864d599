"""The Prefect server as a process of its own; it ends when its parent does, however that ends.

Run as ``python -m flows.building.server_process FD``: FD is a listening socket that the parent bound, stdin
is a pipe that only the parent holds open. Its end of file means that the parent is gone, on Linux
and macOS alike.
"""

import os
import socket
import sys
import threading


def main() -> None:
    """Serves Prefect's API on the inherited socket until told to stop or left alone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(create_app(), log_level="critical", lifespan="on", timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
