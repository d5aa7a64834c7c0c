"""A stack as CloudFormation would make it: conditions decided, parameters and mappings filled in.

What exists only in AWS stays recognisable: a `Ref` to a resource is `{"Ref": name}`, an attribute
is `{"Fn::GetAtt": [name, attribute]}`.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Mapping
from typing import Any

from tests.template.template import EXPANDED

NO_VALUE = object()

PSEUDO = {
    "AWS::StackName": "shop",
    "AWS::Region": "us-east-1",
    "AWS::Partition": "aws",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
}


class Stack:
    """The template with these parameters; those that are not named have their defaults."""

    def __init__(self, pseudo: Mapping[str, str] | None = None, /, **parameters: str) -> None:
        unknown = parameters.keys() - EXPANDED["Parameters"].keys()
        assert not unknown
        self._values: dict[str, Any] = {
            **PSEUDO,
            **(pseudo or {}),
            **{name: each["Default"] for name, each in EXPANDED["Parameters"].items()},
            **parameters,
            "AWS::NoValue": NO_VALUE,
        }
        self.resources: dict[str, Any] = {
            name: self._filled(each)
            for name, each in EXPANDED["Resources"].items()
            if self.holds(each.get("Condition"))
        }
        self.outputs: dict[str, Any] = {
            name: self._filled(each["Value"])
            for name, each in EXPANDED["Outputs"].items()
            if self.holds(each.get("Condition"))
        }

    def properties(self, name: str) -> dict[str, Any]:
        """The properties of a resource that exists."""
        found: dict[str, Any] = self.resources[name]["Properties"]
        return found

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a type, by logical id."""
        return {
            name: each.get("Properties", {})
            for name, each in self.resources.items()
            if each["Type"] == kind
        }

    def holds(self, condition: Any) -> bool:
        """Whether a condition holds, given by its name or as a function."""
        if condition is None:
            return True
        if isinstance(condition, str):
            return self.holds(EXPANDED["Conditions"][condition])
        ((function, given),) = condition.items()
        if function == "Condition":
            return self.holds(given)
        if function == "Fn::Equals":
            first, second = (str(self._filled(each)) for each in given)
            return first == second
        decided = [self.holds(each) for each in given]
        return {"Fn::Not": not decided[0], "Fn::And": all(decided), "Fn::Or": any(decided)}[
            function
        ]

    def _filled(self, value: Any) -> Any:
        if isinstance(value, list):
            return [each for each in map(self._filled, value) if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, given),) = value.items()
            if function == "Ref":
                return self._values.get(given, value)
            if function == "Fn::If":
                return self._filled(given[1 if self.holds(given[0]) else 2])
            if function == "Fn::FindInMap":
                mapping, first, second = map(self._filled, given)
                return EXPANDED["Mappings"][mapping][first][second]
            if function == "Fn::Sub":
                text, names = given if isinstance(given, list) else (given, {})
                known = {**self._values, **{key: self._filled(each) for key, each in names.items()}}
                return re.sub(
                    r"\$\{([\w:]+)\}", lambda found: str(known.get(found[1], found[0])), text
                )
        filled = {key: self._filled(each) for key, each in value.items()}
        return {key: each for key, each in filled.items() if each is not NO_VALUE}


KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

DEFAULT = Stack()
PAUSED = Stack(Pause="on")
ENCRYPTED = Stack(EncryptionKeyArn=KEY)
TRACED = Stack(Tracing="Active")
WITH_CHAT = Stack(
    SlackWorkspace="T07EA123LEP",
    SlackChannel="C07EZ1ABC23",
    TeamsTenant="11111111-2222-3333-4444-555555555555",
    TeamsTeam="11111111-2222-3333-4444-555555555555",
    TeamsChannel="19%3ab6ef35dc342d56ba5654e6fc6d25a071%40thread.tacv2",
)
WITH_LEDGER = Stack(Ledger="on")
EVERY = (DEFAULT, PAUSED, ENCRYPTED, TRACED, WITH_CHAT, WITH_LEDGER)
