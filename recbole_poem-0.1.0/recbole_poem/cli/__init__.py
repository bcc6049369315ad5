"""The command `recbole-poem`: one file per verb, with arguments and messages and nothing else.

A verb's module has ``parse(arguments)``, which reads a command line, and ``run(arguments)``, which
does what it asks and returns the exit status. `recbole_poem.cli.verbs` lists the verbs.
"""
