"""Where people stand: distances by several solvers, fused by their uncertainties."""
