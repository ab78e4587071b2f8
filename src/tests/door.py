"""AWS behind its own door: ministack decides who may, moto does.

ministack (`AUTH=true`) authenticates and authorises every request: signatures, session tokens, trust
policies with their ExternalId, identity and session policies, `aws:TokenIssueTime`, inactive keys. It
answers STS and IAM itself. What it lacks goes on to the moto server at `MOTO_URL`, which asks for
nothing, in the account of the caller: EC2, Auto Scaling, load balancers, GuardDuty, S3 (whose policy
status ministack does not tell), and the IAM operations that ministack does not know.

Starts on a free loopback port, prints that port as its first line of output, and ends when its standard
input is closed, so that it never outlives the test that started it.

ministack's decisions are not touched. What is added is which resources a request is about, by the tables
"Actions, resources, and condition keys" of the Service Authorization Reference: ministack itself names at
most one resource of an EC2 request, and of some none. Each section below is one addition; they reach into
ministack's internals and are therefore bound to the version that `door.rs` pins.
"""

import asyncio
import contextvars
import dataclasses
import http.client
import os
import re
import socket
import sys
import threading
from urllib.parse import parse_qs, urlencode, urlparse

os.environ["AUTH"] = "true"
# ministack takes this key for its root user: it must not be one that a test is given.
os.environ["AWS_ACCESS_KEY_ID"] = "test"
# A listener of its own, which nobody here needs and whose port may be taken.
os.environ["IOT_MTLS_ENABLED"] = "0"

from hypercorn.asyncio import serve
from hypercorn.config import Config

from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_actions import access_denied_response
from ministack.core.iam_evaluator import enforce
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import iam

# --- Behind the door ------------------------------------------------------------------------------

MOTO = urlparse(os.environ["MOTO_URL"]).netloc


def moto(service, account, region, method, path, headers, body):
    """A request to moto, in an account of ours."""
    connection = http.client.HTTPConnection(MOTO, timeout=60)
    credential = f"Credential=test/20260101/{region}/{service}/aws4_request"
    signing = ("x-amz-security-token", "x-amz-date", "x-amz-content-sha256")
    kept = {name: value for name, value in headers.items() if name.startswith(("content-t", "x-amz-"))}
    kept = {name: value for name, value in kept.items() if name not in signing}
    kept["Authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none"
    kept["x-moto-account-id"] = account
    try:
        connection.request(method, path, body, kept)
        answer = connection.getresponse()
        told = {"Content-Type": answer.headers.get("Content-Type", "text/xml")}
        # moto has a fixed request id, and some answers none.
        return answer.status, {**told, "x-amzn-requestid": new_uuid()}, answer.read()
    finally:
        connection.close()


def query(service, account, region, action, **parameters):
    """The answer of moto to a query-protocol request, as text."""
    form = urlencode({"Action": action, **parameters})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return moto(service, account, region, "POST", "/", headers, form)[2].decode()


async def behind(service, method, path, headers, body, query_params):
    target = path + ("?" + urlencode(query_params, doseq=True) if query_params else "")
    account, region = get_account_id(), get_region()
    return await asyncio.to_thread(moto, service, account, region, method, target, headers, body)


def goes_on(service):
    async def handle(method, path, headers, body, query_params):
        if denied := also_denied(service, headers, body, query_params):
            return denied
        return await behind(service, method, path, headers, body, query_params)

    ministack.SERVICE_HANDLERS[service] = handle


# --- The resources of a request -------------------------------------------------------------------
# Every one of them must be allowed. EC2: each id that the request names, what it makes, and what it
# changes without naming it.

KINDS = {
    "i": "instance",
    "vol": "volume",
    "sg": "security-group",
    "eni": "network-interface",
    "vpc": "vpc",
    "eipalloc": "elastic-ip",
    "snap": "snapshot",
}
ID = re.compile(r"^(i|vol|sg|eni|vpc|eipalloc|snap)-[0-9a-f]+$")
MAKES = {"CreateSecurityGroup": "sg-00000000", "CreateSnapshots": "snap-00000000"}
# Descriptions that are about one resource; all others know no resource.
ABOUT_ONE = ("DescribeInstanceAttribute", "DescribeSnapshotAttribute")


def one(parameters, name):
    value = parameters.get(name, "")
    return value[0] if isinstance(value, list) else value


def ec2_arn(resource_id, region, account):
    kind = KINDS[resource_id.split("-")[0]]
    # A snapshot's ARN has no account.
    return f"arn:aws:ec2:{region}:{'' if kind == 'snapshot' else account}:{kind}/{resource_id}"


def unnamed(action, parameters, region, account):
    """What moto knows of that is changed though the request does not name it."""
    if action == "DisassociateAddress":
        wanted = {"Filter.1.Name": "association-id", "Filter.1.Value.1": one(parameters, "AssociationId")}
        found = query("ec2", account, region, "DescribeAddresses", **wanted)
        return re.findall(r"<(?:allocationId|networkInterfaceId|instanceId)>([^<]+)<", found)
    if action == "ModifyNetworkInterfaceAttribute":
        wanted = {"NetworkInterfaceId.1": one(parameters, "NetworkInterfaceId")}
        found = query("ec2", account, region, "DescribeNetworkInterfaces", **wanted)
        return re.findall(r"<instanceId>([^<]+)<", found)
    if association := one(parameters, "AssociationId"):
        # That of an instance with its profile.
        wanted = {"AssociationId.1": association}
        found = query("ec2", account, region, "DescribeIamInstanceProfileAssociations", **wanted)
        return re.findall(r"<instanceId>([^<]+)<", found)
    device = one(parameters, "BlockDeviceMapping.1.DeviceName")
    if action == "CreateSnapshots" or (action == "ModifyInstanceAttribute" and device):
        instance = one(parameters, "InstanceId") or one(parameters, "InstanceSpecification.InstanceId")
        wanted = {"Filter.1.Name": "attachment.instance-id", "Filter.1.Value.1": instance}
        if device:
            wanted |= {"Filter.2.Name": "attachment.device", "Filter.2.Value.1": device}
        found = query("ec2", account, region, "DescribeVolumes", **wanted)
        left_out = {v for name, v in flat(parameters) if "ExcludeDataVolumeId" in name}
        return sorted(set(re.findall(r"<volumeId>([^<]+)<", found)) - left_out)
    return []


def flat(parameters):
    return [(name, one(parameters, name)) for name in parameters]


def ec2_resources(parameters, region, account):
    action = one(parameters, "Action")
    if action.startswith(("Describe", "Get")) and action not in ABOUT_ONE:
        return ["*"]
    named = [value for name, value in flat(parameters) if "ExcludeDataVolumeId" not in name]
    ids = [*named, *unnamed(action, parameters, region, account), MAKES.get(action, "")]
    return [ec2_arn(each, region, account) for each in ids if ID.match(each)] or ["*"]


def scaling_resource(parameters, region, account):
    if one(parameters, "Action").startswith("Describe"):
        return "*"
    # The ARN has an id that no caller knows.
    group = f"autoScalingGroup:00000000-0000-4000-8000-000000000000:autoScalingGroupName/{one(parameters, 'AutoScalingGroupName')}"
    return f"arn:aws:autoscaling:{region}:{account}:{group}"


def balancer_resource(parameters, region, account):
    if one(parameters, "Action").startswith("Describe"):
        return "*"
    classic = f"arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/{one(parameters, 'LoadBalancerName')}"
    return one(parameters, "TargetGroupArn") or classic


def iam_resource(parameters, account):
    """The resources that ministack does not name; None: it does."""
    if one(parameters, "Action") == "GetInstanceProfile":
        return f"arn:aws:iam::{account}:instance-profile/{one(parameters, 'InstanceProfileName')}"
    if one(parameters, "Action") == "GetAccessKeyLastUsed":
        key = iam._access_keys.get_scoped(account, None, one(parameters, "AccessKeyId")) or {}
        return f"arn:aws:iam::{account}:user/{key.get('UserName', '')}"
    return None


their_resource = iam_actions.extract_resource_arn


def extract_resource_arn(service, method, path, headers, body, parameters, region, account):
    if service == "ec2":
        return ec2_resources(parameters, region, account)[0]
    if service == "autoscaling":
        return scaling_resource(parameters, region, account)
    if service == "elasticloadbalancing":
        return balancer_resource(parameters, region, account)
    if service == "guardduty":
        parts = path.strip("/").split("/")
        return f"arn:aws:guardduty:{region}:{account}:detector/{parts[1]}" if len(parts) > 1 else "*"
    if service == "iam" and (found := iam_resource(parameters, account)):
        return found
    return their_resource(service, method, path, headers, body, parameters, region, account)


iam_actions.extract_resource_arn = extract_resource_arn
# ministack asks this for all resources of an EC2 request, and enforces those after the first.
iam_actions.verified_access_resource_arns = ec2_resources


# --- What a request needs besides ------------------------------------------------------------------
# What is tagged as it is made needs CreateTags on it; who gives an instance a profile must be allowed to
# pass its role (EC2 User Guide, permissions to attach an IAM role to an instance).


def besides(parameters):
    made = MAKES.get(one(parameters, "Action"))
    if made and any(name.startswith("TagSpecification") for name in parameters):
        yield "ec2:CreateTags", ec2_arn(made, get_region(), get_account_id())
    profile = one(parameters, "IamInstanceProfile.Arn") or one(parameters, "IamInstanceProfile.Name")
    if profile:
        name = profile.split("/")[-1]
        known = iam._instance_profiles.get_scoped(get_account_id(), None, name) or {}
        for role in known.get("Roles", []):
            yield "iam:PassRole", f"arn:aws:iam::{get_account_id()}:role/{role}"


def also_denied(service, headers, body, query_params):
    if service != "ec2":
        return None
    key = ministack.extract_access_key_id(headers, query_params)
    for action, arn in besides({**query_params, **parse_qs(body.decode())}):
        if denied := enforce(key, action, service, get_region(), resource_arn=arn):
            who = denied.principal_arn
            return access_denied_response(
                service, action, who, new_uuid(), headers=headers, resource_arn=arn
            )
    return None


# --- Assuming a role with a SourceIdentity ---------------------------------------------------------
# Who sets one needs sts:SetSourceIdentity in the policy of the caller and in the role's trust policy,
# which may ask for it as `sts:SourceIdentity` (IAM User Guide, monitor and control actions taken with
# assumed roles). Of a session, `aws:PrincipalArn` is the role's ARN (IAM User Guide, global condition
# context keys).

SOURCE_IDENTITY = contextvars.ContextVar("source_identity", default="")
their_key = iam_evaluator._resolve_condition_key
their_trust = iam_evaluator.evaluate_trust_policy
their_sts = ministack.SERVICE_HANDLERS["sts"]


def condition_key(key, context):
    if key.lower() == "sts:sourceidentity":
        return SOURCE_IDENTITY.get() or None
    value = their_key(key, context)
    if key.lower() == "aws:principalarn":
        session = r"^arn:aws:sts::(\d+):assumed-role/([^/]+)/.*$"
        return re.sub(session, r"arn:aws:iam::\1:role/\2", value)
    return value


def trusts(document, caller, context=None):
    if not their_trust(document, caller, context):
        return False
    if not SOURCE_IDENTITY.get():
        return True
    setting = dataclasses.replace(context, action="sts:SetSourceIdentity")
    return their_trust(document, caller, setting)


async def handle_sts(method, path, headers, body, query_params):
    parameters = {**query_params, **parse_qs(body.decode())}
    SOURCE_IDENTITY.set(one(parameters, "SourceIdentity"))
    if SOURCE_IDENTITY.get():
        key = ministack.extract_access_key_id(headers, query_params)
        action, arn = "sts:SetSourceIdentity", one(parameters, "RoleArn")
        if denied := enforce(key, action, "sts", get_region(), resource_arn=arn):
            return access_denied_response("sts", action, denied.principal_arn, new_uuid(), headers=headers)
    return await their_sts(method, path, headers, body, query_params)


iam_evaluator._resolve_condition_key = condition_key
iam_evaluator.evaluate_trust_policy = trusts
ministack.SERVICE_HANDLERS["sts"] = handle_sts


# --- Services of moto -----------------------------------------------------------------------------

for service in ("ec2", "autoscaling", "elasticloadbalancing", "guardduty", "s3"):
    goes_on(service)
iam_actions.SERVICE_TO_IAM_NAMESPACE["guardduty"] = "guardduty"
iam_actions._BOTOCORE_SERVICE_MAP["guardduty"] = ["guardduty"]

# --- IAM ------------------------------------------------------------------------------------------
# moto knows what ministack does not: SSH keys, signing certificates, service-specific credentials. For
# them it has to know the users, and EC2 there the instance profiles.

BOTH = ("CreateUser", "CreateRole", "CreateInstanceProfile", "AddRoleToInstanceProfile")
their_iam = ministack.SERVICE_HANDLERS["iam"]


async def handle_iam(method, path, headers, body, query_params):
    action = one({**query_params, **parse_qs(body.decode())}, "Action")
    if action not in iam._IAM_HANDLERS:
        return await behind("iam", method, path, headers, body, query_params)
    answer = await their_iam(method, path, headers, body, query_params)
    if action in BOTH and answer[0] == 200:
        again = await behind("iam", method, path, headers, body, query_params)
        return answer if again[0] == 200 else again
    return answer


ministack.SERVICE_HANDLERS["iam"] = handle_iam


# --- The server -----------------------------------------------------------------------------------


def _end_with_parent():
    sys.stdin.read()
    os._exit(0)


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    asyncio.run(serve(ministack.app, config))


main()
