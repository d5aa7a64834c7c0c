"""How large the functions' environment becomes. Lambda takes 4 KB of it, and says so only when the
stack is half deployed.

Lambda measures the variables as one JSON object, as its error shows ("String measured: {…}"):
https://github.com/github-aws-runners/terraform-aws-github-runner/issues/3594
"""

import json
from collections.abc import Mapping
from typing import Any

from local.aws_stand_in.template import source

MOST_BYTES = 4_096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def size(stack: str, parameters: Mapping[str, str]) -> int:
    """Bytes of the environment of a function, the names of resources as long as they can become."""
    return len(json.dumps(_variables(stack, parameters), separators=(",", ":")).encode())


def largest(stack: str, parameters: Mapping[str, str]) -> tuple[str, int]:
    """The variable that takes the most, and its bytes."""
    variables = _variables(stack, parameters)
    name = max(variables, key=lambda each: len(variables[each]))
    return name, len(json.dumps(variables[name]))


def _variables(stack: str, parameters: Mapping[str, str]) -> dict[str, str]:
    document = source()
    declared: Mapping[str, Any] = document["Globals"]["Function"]["Environment"]["Variables"]
    texts = {
        name: _text(value, stack, parameters, document["Parameters"])
        for name, value in declared.items()
    }
    return {name: text for name, text in texts.items() if text is not None}


def _text(
    value: Any, stack: str, parameters: Mapping[str, str], declared: Mapping[str, Any]
) -> str | None:
    """What a value becomes at most; `None` if there is no such variable in the cloud."""
    if isinstance(value, str):
        return value
    if "Fn::If" in value:
        condition, *branches = value["Fn::If"]
        if condition == "IsOnThisMachine":
            branches = branches[1:]
        texts = [_text(each, stack, parameters, declared) for each in branches]
        return max((each for each in texts if each is not None), key=len, default=None)
    name = value.get("Ref")
    if name == "AWS::NoValue":
        return None
    if name == "AWS::StackName":
        return stack
    if name in declared:
        return parameters.get(name, str(declared[name]["Default"]))
    # A queue's address or an ARN: the logical id, and what AWS puts around it.
    return f"https://sqs.ap-southeast-1.amazonaws.com/123456789012/{stack}-{name}-{'X' * 13}"
