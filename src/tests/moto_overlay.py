"""moto with the AWS behaviour that our contract suite needs and stock moto lacks.

Starts moto's ordinary server on a free loopback port, prints that port as its first line of output,
and ends when its standard input is closed, so that it never outlives the test that started it.

Each section below is one patch of one behaviour, with the AWS rule that it follows. The patches
reach into moto's internals and are therefore bound to the version that `moto.rs` pins.
"""

import json
import os
import sys
import threading
from datetime import timedelta
import time
from functools import wraps
from urllib.parse import parse_qs, urlparse

from werkzeug.serving import make_server

from moto.cloudtrail.responses import CloudTrailResponse
from moto.ec2.exceptions import (
    EC2ClientError,
    InvalidSecurityGroupDuplicateError,
    InvalidSnapshotIdError,
    InvalidVPCIdError,
)
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.elastic_block_store import EBSBackend, Snapshot
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.iam_instance_profile import IamInstanceProfileAssociationBackend
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.utils import random_snapshot_id
from moto.ecs.models import Task
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import get_service_model, utcnow
from moto.guardduty import urls as guardduty_urls
from moto.guardduty.models import guardduty_backends
from moto.guardduty.responses import GuardDutyResponse
from moto.iam.exceptions import IAMException, NotFoundException as IAMNotFoundException
from moto.iam.models import IAMBackend, User, iam_backends
from moto.iam.responses import IamResponse
from moto.iam.utils import random_access_key
from moto.kms.models import kms_backends
from moto.moto_api._internal import urls as moto_api_urls
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse


def patch(owner, name=None):
    """Replaces a method of `owner`; the replacement gets the original as its first argument."""

    def decorate(replacement):
        method = name or replacement.__name__
        original = getattr(owner, method, None)

        @wraps(replacement)
        def patched(*args, **kwargs):
            return replacement(original, *args, **kwargs)

        # moto tells routes apart by the names of their functions.
        patched.__name__ = method
        setattr(owner, method, patched)
        return replacement

    return decorate


# --- Groups of interfaces and instances are one truth ---------------------------------------------
# An instance's groups are those of its primary interface (EC2 API, ModifyInstanceAttribute). Stock
# moto keeps two lists and shows their union.

NetworkInterface.group_set = property(lambda self: self._group_set)


def _instance_groups(self):
    primary = getattr(self, "nics", {}).get(0)
    return primary._group_set if primary else self.__dict__.get("_launch_groups", [])


def _set_instance_groups(self, groups):
    self.__dict__["_launch_groups"] = groups
    primary = getattr(self, "nics", {}).get(0)
    if primary:
        primary._group_set = groups


Instance.security_groups = property(_instance_groups, _set_instance_groups)


# --- Groups set on an interface are checked -------------------------------------------------------
# They must exist, be of the interface's VPC, and at least one must stay (EC2 API,
# ModifyNetworkInterfaceAttribute).


@patch(NetworkInterfaceBackend)
def modify_network_interface_attribute(
    original, self, eni_id, group_ids, source_dest_check=None, description=None
):
    interface = self.get_network_interface(eni_id)
    for group_id in group_ids:
        group = self.get_security_group_from_id(group_id)
        if group is None or group.vpc_id != interface.vpc_id:
            raise EC2ClientError(
                "InvalidGroup.NotFound", f"The security group '{group_id}' does not exist"
            )
    if not group_ids and source_dest_check is None and not description:
        raise EC2ClientError("MissingParameter", "No attributes specified.")
    return original(self, eni_id, group_ids, source_dest_check, description)


# --- New groups are checked -----------------------------------------------------------------------
# The VPC must exist, and names are taken whatever their case (EC2 API, CreateSecurityGroup).


@patch(SecurityGroupBackend)
def create_security_group(original, self, name, description, vpc_id=None, **kwargs):
    # moto itself makes default groups, with `force`, before their VPC is registered.
    if vpc_id and not kwargs.get("force"):
        if vpc_id not in self.vpcs:
            raise InvalidVPCIdError(vpc_id)
        if any(group.name.lower() == name.lower() for group in self.groups[vpc_id].values()):
            raise InvalidSecurityGroupDuplicateError(name)
    return original(self, name, description, vpc_id, **kwargs)


# --- Only what is there can be tagged -------------------------------------------------------------
# Stock moto asks for the other kinds, but takes any instance id.


@patch(EC2Backend)
def do_resources_exist(original, self, resource_ids):
    for resource_id in resource_ids:
        if resource_id.startswith("i-"):
            self.get_instance(resource_id)
    return original(self, resource_ids)


# --- IPv6 rules count in every VPC ----------------------------------------------------------------
# A rule for IPv6 may be added to and taken from any group. Stock moto drops it on revoking, unless
# the VPC has an IPv6 range.


@patch(SecurityGroupBackend)
def revoke_security_group_egress(original, self, group_name_or_id, *args, **kwargs):
    group = self.get_security_group_by_name_or_id(group_name_or_id)
    vpc = self.vpcs.get(group.vpc_id) if group else None
    if vpc is None:
        return original(self, group_name_or_id, *args, **kwargs)
    # The only use that the original makes of the VPC is to ask for its IPv6 ranges.
    vpc.get_cidr_block_association_set = lambda ipv6=False: [True]
    try:
        return original(self, group_name_or_id, *args, **kwargs)
    finally:
        del vpc.get_cidr_block_association_set


# --- Interfaces without a private DNS name ----------------------------------------------------------
# A task in a VPC has an interface of its own (ECS API, Attachment). Stock moto asks that interface for a
# name which only some interfaces get, and fails.

NetworkInterface.private_dns_name = ""


# --- A task runs until somebody stops it ------------------------------------------------------------
# Stock moto takes a task one state further each time that it is described, down to STOPPED.


@patch(Task)
def advance(original, self):
    if self.desired_status == "STOPPED":
        original(self)


# --- A replaced instance profile is seen at the instance --------------------------------------------
# DescribeInstances shows the profile that an instance has (EC2 API, Instance). Stock moto goes on
# showing the one that was replaced.


@patch(IamInstanceProfileAssociationBackend)
def replace_iam_instance_profile_association(original, self, *args, **kwargs):
    association = original(self, *args, **kwargs)
    shown = {"Arn": association.iam_instance_profile.arn, "Id": association.association_id}
    self.modify_instance_attribute(association.instance_id, "iam_instance_profile", shown)
    return association


# --- Snapshots take time --------------------------------------------------------------------------
# A snapshot is pending when it is first described, and completed at a later look. A copy under a key
# that is not there fails only then (EC2 API, CopySnapshot: KMS is asked asynchronously). Tests of
# something else say after how many looks.

PENDING_LOOKS = int(os.environ.get("PENDING_LOOKS", "1"))


@patch(Snapshot, "__init__")
def _new_snapshot(original, self, *args, **kwargs):
    original(self, *args, **kwargs)
    self.status = "pending"
    self.state_message = None
    self.looks = 0
    self.fate = "completed"


def _look(snapshots):
    for snapshot in snapshots:
        snapshot.looks += 1
        if snapshot.looks > PENDING_LOOKS and snapshot.status == "pending":
            snapshot.status = snapshot.fate
            if snapshot.fate == "error":
                snapshot.state_message = "Given key ID is not accessible"
    return snapshots


# --- Snapshots know their key and leave out what they are told to ---------------------------------


@patch(EBSBackend)
def create_snapshot(original, self, volume_id, *args, **kwargs):
    snapshot = original(self, volume_id, *args, **kwargs)
    snapshot.kms_key_id = self.get_volume(volume_id).kms_key_id
    return snapshot


@patch(EBSBackend)
def create_snapshots(original, self, instance_spec, description, tags):
    without = instance_spec.get("ExcludeDataVolumeIds") or []
    made = original(self, instance_spec, description, tags)
    for snapshot in [one for one in made if one.volume_id in without]:
        del self.snapshots[snapshot.id]
    return [one for one in made if one.volume_id not in without]


# --- Snapshots across accounts --------------------------------------------------------------------
# A snapshot is seen, and can be copied, by its owner and by the accounts that it is shared with.


def _find_snapshot(backend, snapshot_id):
    for account in list(ec2_backends):
        found = ec2_backends[account][backend.region_name].snapshots.get(snapshot_id)
        if found is None:
            continue
        shared = backend.account_id in found.create_volume_permission_userids
        if account == backend.account_id or shared:
            return found
    raise InvalidSnapshotIdError()


@patch(EBSBackend)
def describe_snapshots(original, self, snapshot_ids=None, filters=None):
    foreign = [one for one in snapshot_ids or [] if one not in self.snapshots]
    if foreign:
        return _look([_find_snapshot(self, one) for one in snapshot_ids])
    return _look(original(self, snapshot_ids, filters))


def _key_arn(backend, key):
    """The ARN of an existing key, given by id, ARN or alias; None when there is none."""
    account = key.split(":")[4] if key.startswith("arn:") else backend.account_id
    name = key.split(":")[-1].removeprefix("key/")
    kms = kms_backends[account][backend.region_name]
    if name.startswith("alias/") and not kms.alias_exists(name):
        return None
    key_id = kms.any_id_to_key_id(name)
    return kms.keys[key_id].arn if key_id in kms.keys else None


@patch(EBSBackend)
def copy_snapshot(original, self, source_snapshot_id, source_region, description, kms_key_id):
    del original
    source = _find_snapshot(ec2_backends[self.account_id][source_region], source_snapshot_id)
    arn = _key_arn(self, kms_key_id) if kms_key_id else None
    copy = Snapshot(
        self,
        random_snapshot_id(),
        volume=source.volume,
        description=description,
        encrypted=source.encrypted,
        kms_key_id=arn or kms_key_id,
        owner_id=self.account_id,
    )
    if kms_key_id and arn is None:
        copy.fate = "error"
    self.snapshots[copy.id] = copy
    return copy


# --- Snapshots are locked --------------------------------------------------------------------------
# Also while they are pending; the time runs from when they are completed, and a snapshot that fails loses
# its lock (EC2 API, LockSnapshot and DescribeLockedSnapshots). Stock moto has neither.


def _lock_shown(snapshot):
    mode, days, hours, since = snapshot.lock
    now = utcnow()
    shown = {
        "OwnerId": snapshot.owner_id,
        "SnapshotId": snapshot.id,
        "LockState": mode,
        "LockDuration": days,
        "LockCreatedOn": since,
    }
    if mode == "compliance" and hours:
        until = since + timedelta(hours=hours)
        shown["CoolOffPeriod"] = hours
        shown["CoolOffPeriodExpiresOn"] = until
        shown["LockState"] = "compliance-cooloff" if now < until else "compliance"
    if snapshot.status == "completed":
        shown["LockDurationStartTime"] = since
        shown["LockExpiresOn"] = since + timedelta(days=days)
    return shown


def lock_snapshot(self):
    snapshot = self.ec2_backend.get_snapshot(self._get_param("SnapshotId"))
    hours = self._get_param("CoolOffPeriod")
    snapshot.lock = (
        self._get_param("LockMode"),
        int(self._get_param("LockDuration")),
        int(hours) if hours else None,
        utcnow(),
    )
    return ActionResult(_lock_shown(snapshot))


def describe_locked_snapshots(self):
    found = [self.ec2_backend.get_snapshot(one) for one in self._get_param("SnapshotIds", [])]
    held = [one for one in found if getattr(one, "lock", None) and one.status != "error"]
    return ActionResult({"Snapshots": [_lock_shown(one) for one in held]})


ElasticBlockStore.lock_snapshot = lock_snapshot
ElasticBlockStore.describe_locked_snapshots = describe_locked_snapshots


# --- AWS's own key is not shared ------------------------------------------------------------------
# A snapshot under the AWS managed key can't be shared (EBS User Guide, share a snapshot).


@patch(EBSBackend)
def add_create_volume_permission(original, self, snapshot_id, user_ids, groups):
    snapshot = self.get_snapshot(snapshot_id)
    if snapshot.encrypted and snapshot.kms_key_id == self._create_default_encryption_key():
        raise EC2ClientError(
            "OperationNotPermitted",
            "Encrypted snapshots with EBS default key cannot be shared.",
        )
    return original(self, snapshot_id, user_ids, groups)


# --- The default key of EBS can be asked for ------------------------------------------------------


@patch(ElasticBlockStore)
def get_ebs_default_kms_key_id(original, self):
    del original
    backend = self.ec2_backend
    key = backend.default_kms_key_id or backend._create_default_encryption_key()
    return ActionResult({"KmsKeyId": key})


# --- Service roles are AWS's ----------------------------------------------------------------------
# Service-linked roles and those of Identity Center can't be changed (IAM User Guide).


class UnmodifiableEntity(IAMException):
    code = "UnmodifiableEntity"


@patch(IAMBackend)
def put_role_policy(original, self, role_name, policy_name, policy_json):
    role = self.get_role(role_name)
    if role.path.startswith(("/aws-service-role/", "/aws-reserved/")):
        raise UnmodifiableEntity(
            f"Cannot perform the operation on the protected role '{role_name}'"
        )
    return original(self, role_name, policy_name, policy_json)


# --- Users have a user's id -----------------------------------------------------------------------
# AIDA… (IAM User Guide, IAM identifiers).


@patch(User, "__init__")
def _new_user(original, self, *args, **kwargs):
    original(self, *args, **kwargs)
    self.id = "AIDA" + self.id[-17:].upper()


# --- Access keys are looked up in the caller's account --------------------------------------------


@patch(IAMBackend)
def get_all_access_keys_for_all_users(original, self):
    del original
    return [key for name in list(self.users) for key in self.list_access_keys(name)]


# --- Service-specific credentials, which stock moto does not have ----------------------------------
# (IAM API, CreateServiceSpecificCredential, ListServiceSpecificCredentials,
# UpdateServiceSpecificCredential.)


def _service_credentials(response):
    user = response.backend.get_user(response._get_param("UserName"))
    return user.__dict__.setdefault("_service_credentials", {})


def create_service_specific_credential(self):
    name, service = self._get_param("UserName"), self._get_param("ServiceName")
    made = {
        "CreateDate": utcnow(),
        "ServiceName": service,
        "ServiceUserName": f"{name}-at-{self.current_account}",
        "ServicePassword": "none",
        "ServiceSpecificCredentialId": "ACCA" + random_access_key(),
        "UserName": name,
        "Status": "Active",
    }
    _service_credentials(self)[made["ServiceSpecificCredentialId"]] = made
    return ActionResult({"ServiceSpecificCredential": made})


def list_service_specific_credentials(self):
    listed = list(_service_credentials(self).values())
    return ActionResult({"ServiceSpecificCredentials": listed, "IsTruncated": False})


def update_service_specific_credential(self):
    found = _service_credentials(self).get(self._get_param("ServiceSpecificCredentialId"))
    if found is None:
        raise IAMNotFoundException("No such credential exists")
    found["Status"] = self._get_param("Status")
    return EmptyResult()


for method in (
    create_service_specific_credential,
    list_service_specific_credentials,
    update_service_specific_credential,
):
    setattr(IamResponse, method.__name__, method)


# --- AssumeRole asks the role's trust policy ------------------------------------------------------
# The role must exist, the ExternalId must match, and a SourceIdentity needs sts:SetSourceIdentity in
# the trust policy as well. Calls are kept, so that tests can see what a session carries.

ASSUMED = []


def _listed(value):
    return value if isinstance(value, list) else [value]


def _trusts(role, external_id, source_identity):
    for statement in _listed(json.loads(role.assume_role_policy_document)["Statement"]):
        conditions = statement.get("Condition", {}).get("StringEquals", {})
        wanted = conditions.get("sts:ExternalId")
        needed = {"sts:AssumeRole"} | ({"sts:SetSourceIdentity"} if source_identity else set())
        if (
            statement["Effect"] == "Allow"
            and needed <= set(_listed(statement["Action"]))
            and (wanted is None or external_id in _listed(wanted))
        ):
            return True
    return False


@patch(TokenResponse)
def assume_role(original, self):
    arn = self._get_param("RoleArn")
    call = {
        key: self._get_param(key)
        for key in ("RoleArn", "RoleSessionName", "SourceIdentity", "DurationSeconds", "Policy")
    }
    roles = iam_backends[arn.split(":")[4]]["aws"].roles.values()
    role = next((role for role in roles if role.arn == arn), None)
    external_id = self._get_param("ExternalId")
    if role is None or not _trusts(role, external_id, call["SourceIdentity"]):
        raise STSClientError(
            "AccessDenied", f"User is not authorized to perform: sts:AssumeRole on resource: {arn}"
        )
    ASSUMED.append(call)
    return original(self)


def assumed_roles(request, full_url, headers):
    """GET: all AssumeRole calls that succeeded, oldest first."""
    return 200, {"Content-Type": "application/json"}, json.dumps(ASSUMED)


moto_api_urls.url_paths["{0}/moto-api/tourniquet/assumed-roles"] = assumed_roles


# --- GuardDuty has findings -----------------------------------------------------------------------
# GetFindings and ListFindings without criteria, and what changes of a finding; findings come in over a route of ours, as real ones
# come from GuardDuty itself.


def _findings(detector):
    return detector.__dict__.setdefault("findings", {})


def get_findings(self):
    detector = self.guardduty_backend.get_detector(self.path.split("/")[2])
    wanted = self._get_param("findingIds")
    return json.dumps({"findings": [f for i, f in _findings(detector).items() if i in wanted]})


def list_findings(self):
    detector = self.guardduty_backend.get_detector(self.path.split("/")[2])
    return json.dumps({"findingIds": list(_findings(detector)), "nextToken": ""})


def _change_findings(self, change):
    found = _findings(self.guardduty_backend.get_detector(self.path.split("/")[2]))
    wanted = self._get_param("findingIds")
    if any(one not in found for one in wanted):
        raise JsonRESTError("BadRequestException", "The request is rejected.")
    for one in wanted:
        found[one]["service"].update(change)
    return "{}"


def archive_findings(self):
    return _change_findings(self, {"archived": True})


def unarchive_findings(self):
    return _change_findings(self, {"archived": False})


def update_findings_feedback(self):
    return _change_findings(self, {"userFeedback": self._get_param("feedback")})


for method in (
    get_findings,
    list_findings,
    archive_findings,
    unarchive_findings,
    update_findings_feedback,
):
    setattr(GuardDutyResponse, method.__name__, method)
for _path in (
    "findings",
    "findings/get",
    "findings/archive",
    "findings/unarchive",
    "findings/feedback",
):
    guardduty_urls.url_paths["{0}/detector/(?P<detector_id>[^/]+)/" + _path + "$"] = (
        GuardDutyResponse.dispatch
    )


def inject_finding(request, full_url, headers):
    """POST ?account=…&region=… with a finding: GuardDuty holds it from now on."""
    query = {key: value[0] for key, value in parse_qs(urlparse(full_url).query).items()}
    backend = guardduty_backends[query["account"]][query["region"]]
    if not backend.detectors:
        backend.create_detector(True, "FIFTEEN_MINUTES", {}, {}, [])
    detector = next(iter(backend.detectors.values()))
    finding = json.loads(request.data)
    _findings(detector)[finding["id"]] = finding
    return 200, {"Content-Type": "application/json"}, "{}"


moto_api_urls.url_paths["{0}/moto-api/tourniquet/findings"] = inject_finding


# --- CloudTrail has an event history --------------------------------------------------------------
# LookupEvents by user name or key, latest first, in pages; stock moto has no events. They come in over a
# route of ours.

EVENTS = {}


def lookup_events(self):
    asked = self._get_param("LookupAttributes")[0]
    since = self._get_param("StartTime") or 0
    first = int(self._get_param("NextToken") or 0)
    end = first + int(self._get_param("MaxResults") or 50)
    found = [
        event
        for event in reversed(EVENTS.get((self.current_account, self.region), []))
        if event[asked["AttributeKey"]] == asked["AttributeValue"] and event["EventTime"] >= since
    ]
    answer = {"Events": found[first:end]}
    if end < len(found):
        answer["NextToken"] = str(end)
    return json.dumps(answer)


CloudTrailResponse.lookup_events = lookup_events


def inject_event(request, full_url, headers):
    """POST ?account=…&region=… with an event: CloudTrail tells of it from now on."""
    query = {key: value[0] for key, value in parse_qs(urlparse(full_url).query).items()}
    event = json.loads(request.data)
    identity = event["userIdentity"]
    kept = EVENTS.setdefault((query["account"], query["region"]), [])
    kept.append(
        {
            "EventId": str(len(kept)),
            "EventName": event["eventName"],
            "EventTime": time.time(),
            "AccessKeyId": identity["accessKeyId"],
            "Username": identity["userName"],
            "CloudTrailEvent": json.dumps(event),
        }
    )
    return 200, {"Content-Type": "application/json"}, "{}"


moto_api_urls.url_paths["{0}/moto-api/tourniquet/events"] = inject_event


# --- The server -----------------------------------------------------------------------------------


def _end_with_parent():
    sys.stdin.read()
    os._exit(0)


def main():
    app = DomainDispatcherApplication(create_backend_app)
    app.debug = True
    server = make_server(
        "127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler
    )
    os.environ["MOTO_PORT"] = str(server.server_port)
    # Read now what the first request to each service would wait for, seconds on a busy machine:
    # clients have timeouts.
    for service in ("sts", "iam", "ec2", "s3", "guardduty", "kms", "cloudtrail"):
        app.app_instances[service] = create_backend_app(service)
        get_service_model(service)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print(server.server_port, flush=True)
    server.serve_forever()


main()
