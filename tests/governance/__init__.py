"""Tests of the accountant, the chain and the ledger."""
