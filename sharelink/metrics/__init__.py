"""Figures for monitors: what happened how often, and how long answers took. Never who, and never which link."""
