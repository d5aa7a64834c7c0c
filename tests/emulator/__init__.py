"""A deployment as an operator does it, into an emulator of AWS: `python -m tests.emulator`.

The emulator is ministack (https://github.com/ministackorg/ministack). `.ci/deploy` installs and
names it. It runs SAM's transform, CloudFormation, and the functions' own code.
"""
