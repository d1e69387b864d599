"""One build: its shards, what holds it together, and the Prefect server beside it."""
