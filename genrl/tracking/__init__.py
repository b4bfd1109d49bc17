"""What a person and a program see of a run: `metrics.jsonl`, PNG grids, and a live view in the terminal."""

from genrl.tracking.flat import FlatRewards
from genrl.tracking.geometry import geometry_table
from genrl.tracking.grid import read_grid, save_before_after, save_grid
from genrl.tracking.jsonl import MetricsLog
from genrl.tracking.live import LiveView
from genrl.tracking.rewind import rewind

__all__ = ["FlatRewards", "LiveView", "MetricsLog", "geometry_table", "read_grid", "rewind", "save_before_after", "save_grid"]
