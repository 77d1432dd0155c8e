"""Differentiable magnetic resonance spectroscopy: one signal model for simulation, fitting and uncertainty."""
