"""What every room needs: errors, files, fields of a batch, keyed noise, parallel maps, versions.

Nothing here knows of a model. `stack` and `errors` import nothing, so that they can say what is
wrong with a broken installation.
"""
