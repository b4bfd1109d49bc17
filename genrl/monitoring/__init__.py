"""What a run watches beside its rewards: numbers of the pictures, and the alarms that they raise."""

from genrl.monitoring.pictures import PREFIX, picture_metrics, picture_values

__all__ = ["PREFIX", "picture_metrics", "picture_values"]
