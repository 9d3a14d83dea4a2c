"""Bodywork deploys machine-learning projects from a Git repository."""
