"""`python -m backend.cli`: the command without its console script."""

from backend.cli import main

main()
