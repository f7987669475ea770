"""The demo's story: the reference trial as a deterministic, plainly labelled simulation."""

from api.simulation.allocation import simulated_list
from api.simulation.pharmacy import Pharmacy
from api.simulation.steps import Happening, Step, TreatmentPlan
from api.simulation.story import story, summary, with_treatments

__all__ = ["Happening", "Pharmacy", "Step", "TreatmentPlan", "simulated_list", "story", "summary", "with_treatments"]
