"""The ledger: a port (`interface`) and its implementations on SQLite (`sqlite`) and PostgreSQL (`postgres`)."""
