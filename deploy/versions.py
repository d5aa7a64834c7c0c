"""Versions of a function that nothing calls any more. SAM keeps each that it has published
(https://github.com/aws/serverless-application-model/issues/2719), and AWS charges for the snapshot
of each (https://aws.amazon.com/lambda/pricing/).
"""

from cli.stack.aws import client, reaching

LATEST = "$LATEST"


def delete_uncalled(function: str) -> list[str]:
    """Delete the versions to which no alias points; returns their numbers.

    Raises `Trouble` for what AWS says. An alias in a gradual deployment points to two.
    """
    with reaching("the function's versions"):
        functions = client("lambda")
        called = {LATEST}
        for page in functions.get_paginator("list_aliases").paginate(FunctionName=function):
            for alias in page["Aliases"]:
                weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
                called |= {alias["FunctionVersion"], *weights}
        uncalled = [
            version["Version"]
            for page in functions.get_paginator("list_versions_by_function").paginate(
                FunctionName=function
            )
            for version in page["Versions"]
            if version["Version"] not in called
        ]
        for version in uncalled:
            functions.delete_function(FunctionName=function, Qualifier=version)
    return uncalled
