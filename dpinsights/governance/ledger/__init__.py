"""The ledger: a port (`interface`) and its implementation on SQLite (`sqlite`)."""
