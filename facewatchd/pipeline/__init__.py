"""
The stages put together: read, decide, act. One module a step of the flow, in its order: discover, ingest, regroup,
materialize; and the user's own words in `correct`.
"""
