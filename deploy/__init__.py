"""`make deploy`: checks a stack's parameters, builds, deploys, and says what to do next.

`sam` does the building and deploying. Standing here is what it does not do: it checks the file of
parameters before anything is built, and it tells what an operator has to know afterwards.
"""
