"""Interventions: what is changed about a face while all else stays as it is."""

from jaxface.interventions.protocol import Axis, Intervention, Wording

__all__ = ["Axis", "Intervention", "Wording"]
