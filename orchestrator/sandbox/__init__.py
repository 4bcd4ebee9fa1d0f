"""A stand-in for RealtimeKit on one machine, with its sessions, recordings, webhooks and limits, and with faults.

`world` holds the state and its rules, `rest` serves the REST API on it, and `people` plays browsers against both.
"""
