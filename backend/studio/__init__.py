"""One web page to try the service with: drop pages, watch them being narrated, listen while the line that is heard lights up.

Plain HTML, CSS and JavaScript modules without a build step; it uses the public API only and is served as files.
"""

from pathlib import Path
from typing import Final

studio_files: Final = Path(__file__).parent / "files"
"""The folder to serve; its entry is index.html."""
