"""Carries the secret's text over when a deployment has replaced the secret.

Secrets Manager cannot rename a secret: where its name changes in the template, CloudFormation makes
a new one, which is empty, and the old one stays (`UpdateReplacePolicy: Retain`).
"""

from cli.stack import aws


def carry_over(before: str | None, after: str) -> bool:
    """Whether the secret `after` was empty and has got the text of `before`; both are ARNs."""
    if before is None or before == after:
        return False
    client = aws.client("secretsmanager")
    with aws.reaching("the secret"):
        if client.describe_secret(SecretId=after).get("VersionIdsToStages"):
            return False
        text = client.get_secret_value(SecretId=before)["SecretString"]
        client.put_secret_value(SecretId=after, SecretString=text)
    return True
