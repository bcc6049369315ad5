"""Hyper-parameter tuning: RecBole's `HyperTuning` that resumes, shares data and runs on Ray too.

``python -m recbole_poem.tune --model POEM --dataset ml-100k --trials 30``
"""
