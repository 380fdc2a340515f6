"""Read the environment and serve: MODEL_URL, HORIZON (seconds, 1800) and PORT (8080)."""

import os
import sys

from aiohttp import web
from prometheus_client import CollectorRegistry

from front_end.app import FrontEnd
from front_end.sessions import Sessions


def main() -> None:
    """Serve until told to stop; what is open then is lost, of either revision alike."""
    try:
        model, horizon = os.environ["MODEL_URL"], float(os.environ.get("HORIZON", "1800"))
        port = int(os.environ.get("PORT", "8080"))
    except (KeyError, ValueError) as error:
        sys.exit(f"front_end: set MODEL_URL, and HORIZON and PORT as numbers: {error}")
    registry = CollectorRegistry()
    front_end = FrontEnd(model=model, sessions=Sessions(horizon=horizon, registry=registry), registry=registry)
    web.run_app(front_end.application(), port=port, access_log=None)


if __name__ == "__main__":
    main()
