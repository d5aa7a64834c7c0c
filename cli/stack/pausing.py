"""Changes a deployed stack's parameter `Pause`, and nothing else of the stack."""

from collections.abc import Callable
from typing import Any

from cli.stack import aws
from cli.troubles import Trouble

PARAMETER = "Pause"

SECONDS_BETWEEN_LOOKS = 5
MOST_LOOKS = 240
"""Twenty minutes. An update of two functions takes one."""


def change(name: str, value: str, on_begin: Callable[[], None]) -> bool:
    """Set the parameter and wait until the stack is updated; whether there was anything to do.

    `on_begin` is called when CloudFormation has accepted the change, which takes a minute.
    Raises `Trouble` when the stack cannot be updated, or is not this destination's of today.
    """
    stack = aws.stack(name)
    if PARAMETER not in stack.parameters:
        raise Trouble(f"the stack {name} cannot be paused: deploy it with the current template")
    if stack.parameters[PARAMETER] == value:
        return False
    if not stack.status.endswith("_COMPLETE") or stack.status == "ROLLBACK_COMPLETE":
        raise Trouble(f"the stack {name} is {stack.status}: wait until the update is complete")
    parameters: list[dict[str, Any]] = [
        {"ParameterKey": each, "ParameterValue": value}
        if each == PARAMETER
        else {"ParameterKey": each, "UsePreviousValue": True}
        for each in stack.parameters
    ]
    formation = aws.client("cloudformation")
    with aws.reaching(f"the stack {name}"):
        formation.update_stack(
            StackName=name,
            UsePreviousTemplate=True,
            Parameters=parameters,
            # The template has roles, and SAM's transform runs again:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    on_begin()
    _wait(formation, name)
    return True


def _wait(formation: Any, name: str) -> None:
    from botocore.exceptions import WaiterError

    waiter = formation.get_waiter("stack_update_complete")
    config = {"Delay": SECONDS_BETWEEN_LOOKS, "MaxAttempts": MOST_LOOKS}
    try:
        with aws.reaching(f"the stack {name}"):
            waiter.wait(StackName=name, WaiterConfig=config)
    except WaiterError:
        status = aws.stack(name).status
        raise Trouble(
            f"the stack {name} is {status}: see its events in CloudFormation's console, then try "
            "again"
        ) from None
