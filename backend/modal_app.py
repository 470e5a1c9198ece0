"""Modal's entry: `modal serve backend/modal_app.py`, `modal deploy -m backend.modal_app`, `modal run backend/modal_app.py`.

Only names: by its path this file is imported as `modal_app`, and whatever were defined here would exist twice.
"""

from backend.cloud.app import app, download_weights, main

__all__ = ["app", "download_weights", "main"]
