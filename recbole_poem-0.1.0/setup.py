"""Finds the packages, the properties among them; all else is said in ``setup.cfg``."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["recbole_poem", "recbole_poem.*"]), "recbole_poem.properties"]
)
