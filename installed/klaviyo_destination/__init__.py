"""The one package that `pip install` adds to an environment. All it does is start the command.

The command itself is `cli`. It and what it imports lie in `bundled/` of an installed wheel, see
`setup.py`.
"""
