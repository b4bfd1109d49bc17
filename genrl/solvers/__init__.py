"""Solvers: how one step is taken from noise towards data. Importing this package registers them."""

from genrl.solvers.cps import CPS
from genrl.solvers.dance_sde import DanceSDE
from genrl.solvers.dpmpp import DPMSolverPP
from genrl.solvers.euler import Euler
from genrl.solvers.flow_sde import FlowSDE
from genrl.solvers.heun import Heun
from genrl.solvers.history import History
from genrl.solvers.mixed import Mixed

__all__ = ["CPS", "DPMSolverPP", "DanceSDE", "Euler", "FlowSDE", "Heun", "History", "Mixed"]
