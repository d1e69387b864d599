"""Configuration, planning, one shard end to end, thin Prefect flows, training, and the CLI."""
