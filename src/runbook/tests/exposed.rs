//! What the shipped runbook for open ports asks for, from what a finding says of them.

use serde_json::json;

use super::shipped::{I1, check};
use super::*;

/// The victim is never isolated: only its groups lose what lets everybody in.
#[test]
fn each_port_is_closed_once_in_each_group_of_a_victim() {
    let probe = |port: i64| json!({"localPortDetails": {"port": port}});
    let finding = |action: Value| json!({"resource": {"instanceDetails": {"instanceId": I1}}, "service": {"action": action}});
    let interface = |groups: Value| json!({"id": "eni-0123456789abcdef0", "groups": groups});
    let look = json!({"id": I1, "state": "running", "users": [], "interfaces": [
        interface(json!(["sg-0123456789abcdef1", "sg-0123456789abcdef2"])),
        interface(json!(["sg-0123456789abcdef2"])),
    ]});
    let probed =
        json!({"portProbeAction": {"portProbeDetails": [probe(22), probe(8088), probe(22), {}]}});
    let end = check(
        "exposed-port",
        finding(probed),
        look.clone(),
        &[
            "1 look::instance",
            "2 look::security_group",
            "3 look::security_group",
            "4[0]/1 contain::tighten_security_group",
            "4[1]/1 contain::tighten_security_group",
            "4[2]/1 contain::tighten_security_group",
            "4[3]/1 contain::tighten_security_group",
            "5 notify",
        ],
    );
    assert!(
        matches!(&end, Advance::Done(value) if value["ports"] == json!(["22", "8088"])),
        "{end:?}"
    );
    let guessed = json!({"networkConnectionAction": {"localPortDetails": {"port": 3389}}});
    let end = check(
        "exposed-port",
        finding(guessed),
        look,
        &[
            "1 look::instance",
            "2 look::security_group",
            "3 look::security_group",
            "4[0]/1 contain::tighten_security_group",
            "4[1]/1 contain::tighten_security_group",
            "5 notify",
        ],
    );
    assert!(matches!(&end, Advance::Done(value) if value["ports"] == json!(["3389"])), "{end:?}");
    let end = check("exposed-port", finding(json!({})), Value::Null, &[]);
    assert!(matches!(&end, Advance::Failed(error) if error.message.contains("no port")), "{end:?}");
    for gone in [Value::Null, json!({"id": I1, "state": "terminated", "interfaces": []})] {
        let end = check(
            "exposed-port",
            finding(json!({"networkConnectionAction": {"localPortDetails": {"port": 22}}})),
            gone,
            &["1 look::instance"],
        );
        assert!(
            matches!(&end, Advance::Failed(error) if error.message.contains("groups")),
            "{end:?}"
        );
    }
}
