"""Modal's entry: `modal serve backend/modal_app.py`, `modal deploy -m backend.modal_app`, `modal run backend/modal_app.py`.

Only a name: by its path this file is imported as `modal_app`, and whatever were defined here would exist twice.
"""

from backend.cloud.app import app

__all__ = ["app"]
