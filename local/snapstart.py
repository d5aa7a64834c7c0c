"""Prints the lines of the template that turn SnapStart on: `.venv/bin/python -m local.snapstart`.

SAM publishes a new version of a function for new code only. The description of the version names
every parameter that the function reads, so that a changed parameter publishes a version, too.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html
"""

import textwrap

from local.aws_stand_in import template


def lines() -> str:
    """The lines, for the properties of `WebhookFunction`."""
    source = template.source()
    variables = source["Globals"]["Function"]["Environment"]["Variables"].values()
    read = [value["Ref"] for value in variables if value.get("Ref") in source["Parameters"]]
    described = textwrap.wrap(" ".join(f"${{{name}}}" for name in read), 98)
    return "\n".join(
        [
            "SnapStart: {ApplyOn: PublishedVersions}",
            "AutoPublishAlias: live",
            "VersionDescription: !Sub >-",
            *(f"  {line}" for line in described),
        ]
    )


if __name__ == "__main__":
    print(lines())
