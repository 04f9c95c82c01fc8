"""Copies made on purpose: what a gate has to find."""
