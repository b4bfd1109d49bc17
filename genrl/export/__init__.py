"""Trained weights as a folder for diffusers, with a model card and the settings to draw with."""

from genrl.export.card import write_card
from genrl.export.exporter import Exporter
from genrl.export.record import FILE, PipelineFacts, Record, read_record

__all__ = ["FILE", "Exporter", "PipelineFacts", "Record", "read_record", "write_card"]
