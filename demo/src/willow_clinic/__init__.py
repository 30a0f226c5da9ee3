"""Willow Clinic: a small real healthcare platform to watch."""
