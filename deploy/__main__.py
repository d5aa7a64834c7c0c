"""Checks, builds and deploys one stack: `python -m deploy STACK`. See `make deploy`."""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.stack import aws
from cli.troubles import Misuse, Trouble
from deploy import environment, parameters, rollout, runbook, versions
from deploy.parameters import ParameterError
from deploy.secret import carry_over
from local.aws_stand_in.template import FILE, source

ROOT = FILE.parent
BUILD = ROOT / ".aws-sam"

RUNBOOK = "RunbookUrl"


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy, and give the exit status."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    # Make writes a name with a space as several words. They are put together again, so that the
    # error names STACK.
    parser.add_argument("stack", nargs="*", help="the name of the stack")
    parser.add_argument("--template", type=Path, default=FILE, help="instead of template.yaml")
    parser.add_argument("--sam", default="", help="more options for `sam deploy`")
    given = parser.parse_args(arguments)
    try:
        return _deploy(" ".join(given.stack), given.template, shlex.split(given.sam))
    except (ParameterError, Trouble) as error:
        print(f"make deploy: {error}", file=sys.stderr)
        return 2


def _deploy(stack: str, template: Path, more: Sequence[str]) -> int:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,59}", stack):
        raise ParameterError(
            f"STACK={stack}: expected up to 60 letters, digits and hyphens, a letter first"
        )
    if shutil.which("sam") is None:
        raise ParameterError(
            "there is no command sam: https://docs.aws.amazon.com/serverless-application-model/"
            "latest/developerguide/install-sam-cli.html"
        )
    file = parameters.file_of(stack)
    chosen = parameters.read(file) if file.exists() else {}
    before = _deployed(stack)
    kept = _kept(before, chosen)
    _say_what_holds(file, chosen, kept)
    chosen = {**_runbook(kept), **chosen}
    effective = {**kept, **chosen}
    _check_size(stack, effective)
    if before is not None and rollout.shifts_now(effective):
        _check_alarms(before, file)
    if rollout.is_wanted(effective):
        BUILD.mkdir(exist_ok=True)
        template = BUILD / f"{stack}.template.json"
        rollout.write(rollout.template(effective), template)
    else:
        chosen = {name: text for name, text in chosen.items() if name not in rollout.PARAMETERS}
    # What SAM writes to its standard output is advice, such as a deployment that asks questions.
    build = ("sam", "build", "--template-file", str(template), "--base-dir", str(ROOT))
    _run(*build, stdout=subprocess.DEVNULL)
    _run("sam", "deploy", "--stack-name", stack, *_overrides(stack, chosen), *more)
    after = aws.stack(stack)
    arn = None if before is None else before.outputs.get("CredentialsSecretArn")
    if carry_over(arn, after.output("CredentialsSecretArn")):
        print(
            f"The secret has a new name. It has the old one's text; delete {arn} when all is well."
        )
    if rollout.has_snapshots(effective):
        _delete_versions(after)
    _say_what_is_next(stack, after, is_new=before is None)
    return 0


def _deployed(name: str) -> aws.Stack | None:
    """The stack as it is before the deployment, if there is one."""
    try:
        return aws.stack(name)
    except Misuse as error:
        if "there is no stack" not in str(error):
            raise
        return None


def _kept(stack: aws.Stack | None, chosen: Mapping[str, str]) -> dict[str, str]:
    """What the deployed stack has, and the file does not say: CloudFormation keeps it."""
    declared = {**source()["Parameters"], **rollout.PARAMETERS}
    return {
        name: value
        for name, value in ({} if stack is None else stack.parameters).items()
        if name in declared and name not in chosen and value != str(declared[name]["Default"])
    }


def _runbook(kept: Mapping[str, str]) -> dict[str, str]:
    """Where the alarms' texts point to, unless the stack has a place already."""
    page = None if RUNBOOK in kept else runbook.url(ROOT)
    return {} if page is None else {RUNBOOK: page}


def _say_what_holds(file: Path, chosen: Mapping[str, str], kept: Mapping[str, str]) -> None:
    if chosen:
        print(f"Parameters of {file}: {_listed(chosen)}")
    elif not file.exists():
        print(f"There is no {file}. To set parameters, copy {parameters.EXAMPLE} to it.")
    if kept:
        print(f"Kept as the stack has them: {_listed(kept)}")
    if not chosen and not kept:
        print("Every parameter has its default.")
    sys.stdout.flush()


def _listed(values: Mapping[str, str]) -> str:
    # An address is personal data, and this may be a log.
    return ", ".join(
        f"{name}={'…' if '@' in value else value or '(empty)'}" for name, value in values.items()
    )


def _check_size(stack: str, effective: Mapping[str, str]) -> None:
    size = environment.size(stack, effective)
    if size > environment.MOST_BYTES:
        name, part = environment.largest(stack, effective)
        raise ParameterError(
            f"the functions' environment would have {size} bytes, and Lambda takes "
            f"{environment.MOST_BYTES}. {name} has {part} of them: shorten it"
            + (" (AudienceLists: auto needs no table)" if name == "AUDIENCE_LISTS" else "")
        )


def _check_alarms(stack: aws.Stack, file: Path) -> None:
    """CodeDeploy takes a deployment back while such an alarm is on, also one that would mend it:
    https://github.com/aws/serverless-application-model/issues/716"""
    names = [name for name in map(stack.resource, rollout.ALARMS) if name is not None]
    if not names:
        return
    with aws.reaching("the alarms"):
        found = aws.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    ringing = sorted(each["AlarmName"] for each in found if each["StateValue"] == "ALARM")
    if on := ", ".join(ringing):
        raise ParameterError(
            f"an alarm is on ({on}), so CodeDeploy would take a gradual deployment back. Wait "
            f"until it is off, or deploy at once: write Rollout: {rollout.OFF} into {file}"
        )


def _delete_versions(stack: aws.Stack) -> None:
    """The deployment is done, whatever comes of this."""
    try:
        function = stack.resource(rollout.FUNCTION)
        deleted = [] if function is None else versions.delete_uncalled(function)
    except Trouble as error:
        print(f"Old versions cost money with SnapStart, and were not deleted: {error}")
        return
    if deleted:
        print(f"Deleted what AWS would charge for: the old versions {', '.join(deleted)}.")


def _overrides(stack: str, chosen: Mapping[str, str]) -> list[str]:
    """SAM's option that names the parameters; every value a text, which a user may forget."""
    if not chosen:
        return []
    BUILD.mkdir(exist_ok=True)
    file = BUILD / f"{stack}.parameters.yaml"
    # JSON's texts are YAML's as well.
    lines = (f"{name}: {json.dumps(value)}\n" for name, value in chosen.items())
    file.write_text("".join(lines), "utf-8")
    return ["--parameter-overrides", f"file://{file}"]


def _run(*command: str, stdout: int | None = None) -> None:
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, check=False)
    if done.returncode:
        raise ParameterError(f"{' '.join(command[:2])} failed, see above")


def _say_what_is_next(name: str, stack: aws.Stack, *, is_new: bool) -> None:
    """The addresses whole, which SAM's table breaks; and the README's next steps."""
    print(f"\n{name} is deployed.")
    print(f"Webhook:   {stack.output('WebhookUrl')}")
    print(f"Dashboard: {stack.output('DashboardUrl')}")
    if not any(
        stack.parameters.get(each) for each in ("AlarmEmail", "SlackChannel", "TeamsChannel")
    ):
        print(
            "Nobody is notified when an alarm goes off: set AlarmEmail in "
            f"{parameters.file_of(name)} and deploy again."
        )
    print("Next:")
    for verb, rest in (*(FIRST if is_new else ()), *EACH_TIME):
        print(f"  .venv/bin/klaviyo-destination {verb} --stack {name}{rest}")


FIRST = (("secret set", ""), ("connect", " --source SOURCE"))
EACH_TIME = (("doctor", ""), ("rehearse", " you+rehearsal@your-company.com"))
"""Commands, and what follows the stack's name."""


if __name__ == "__main__":
    sys.exit(main())
