"""Hyper-parameter tuning: RecBole's `HyperTuning` that resumes, shares data and runs on Ray too."""
