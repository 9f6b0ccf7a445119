"""The only room that knows OpenDP: the noise, the maps that say what it costs, and conversions between losses.

`noise`: one vector of integers, one measurement. `loss`: rho, ledger units and epsilon.
"""
