"""uvicorn's entry: `uvicorn backend.server:app`."""

from backend.app import create_app

app = create_app()
