"""Judging what was trained: finding it, drawing with it, scoring it under one card, and setting it beside others."""
