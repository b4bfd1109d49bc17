"""What a run watches beside its rewards: numbers of the pictures, the alarms that they raise, and the best evaluation."""

from genrl.monitoring.best import Best
from genrl.monitoring.pictures import PREFIX, picture_metrics, picture_values
from genrl.monitoring.watch import Alarm, Watch

__all__ = ["PREFIX", "Alarm", "Best", "Watch", "picture_metrics", "picture_values"]
