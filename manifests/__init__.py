"""Records: Arrow schemas, shards, commits, verification, audit queries, exports."""
