"""Sample chapters, drawn by `python -m samples.draw`: pages whose every word is known (for the demo, tests and benchmarks)."""
