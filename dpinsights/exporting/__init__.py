"""What compliance asks for, made of released files alone: the deployments-registry record and the audit pack.

Everything here reads folders of releases. No row, no ledger and no noise is in reach.
"""
