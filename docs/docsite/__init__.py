"""The documentation site: ``python -m docsite FOLDER``, from the folder ``docs``, or ``make docs``.

Sphinx reads links to what is written in this repository, laid as it is here, so that every link
that works there works in the site. Beside them lie pages that are made of the registry, one for
each component. Nothing of it is committed.
"""
