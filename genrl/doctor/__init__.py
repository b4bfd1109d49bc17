"""Whether a model can be trained: it is compared with its own pipeline, before a run and at its start."""

from genrl.doctor.examination import DRIVEN, Finding, examine, examine_hollow
from genrl.doctor.facts import describe
from genrl.doctor.first_update import FirstUpdate
from genrl.doctor.precision import precision
from genrl.doctor.replay import check_replay

__all__ = ["DRIVEN", "Finding", "FirstUpdate", "check_replay", "describe", "examine", "examine_hollow", "precision"]
