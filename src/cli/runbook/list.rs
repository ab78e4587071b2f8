//! `runbook list`: what each runbook takes and answers. Where an address is given, those that the
//! service there has; else those of the local configuration. It always says which.

use serde_json::Value;

use crate::cli::answer::{items, shown, text};
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::grid::Column;
use crate::cli::screen::Screen;
use crate::cli::table::Tone;
use crate::cli::{Common, settings};
use crate::error::Code;
use crate::sanitise::{VALUE_MAX, sanitise};
use crate::web;

/// What to do where the service is not there: the other list may be what is wanted.
const NO_SERVICE: &str = "Check the address, that `tourniquet serve` runs there, and TOURNIQUET_TOKEN; or unset \
    TOURNIQUET_URL (and leave --url out) to list the runbooks of the local configuration.";

const COLUMNS: [Column; 5] = [
    Column::whole("runbook"),
    Column::whole("mode"),
    Column::words("takes"),
    Column::words("answers"),
    Column::words("what it does"),
];

pub(super) async fn list(common: &Common, screen: &mut Screen) -> Result<u8, CliError> {
    let (whose, runbooks) = match &common.url {
        Some(url) => {
            let client = Client::open(common, screen)?;
            (format!("runbooks of the service at {url}:"), of_service(&client).await?)
        }
        None => {
            let config = settings::load(common)?;
            let library = web::library(&config)?;
            let place = match &config.runbooks {
                Some(folder) => format!("the folder {}", folder.display()),
                None => "the shipped ones".to_owned(),
            };
            let whose = format!(
                "runbooks of the local configuration, {place} (set TOURNIQUET_URL to list a service's):"
            );
            (whose, library.iter().map(|runbook| web::runbook_view(runbook)).collect())
        }
    };
    screen.line(&sanitise(&whose, VALUE_MAX))?;
    let table = screen.style.table(&COLUMNS, runbooks.iter().map(row).collect());
    screen.line(&table)?;
    screen.value(&Value::Array(runbooks))?;
    Ok(0)
}

async fn of_service(client: &Client) -> Result<Vec<Value>, CliError> {
    let asked = client.get::<Value>(&["v1", "runbooks"], &[]).await;
    let mut answer = asked.map_err(|error| match error.code == Code::CLIENT {
        true => error.with_remedy(NO_SERVICE),
        false => error,
    })?;
    Ok(items(&mut answer, "items"))
}

fn row(runbook: &Value) -> Vec<(Tone, String)> {
    let list = |key: &str| runbook.get(key).and_then(Value::as_array).into_iter().flatten();
    // As in a synopsis: what may be left out stands in brackets.
    let param = |param: &Value| match param.get("required").and_then(Value::as_bool) {
        Some(true) => shown(param, "name"),
        _ => format!("[{}]", shown(param, "name")),
    };
    let params: Vec<String> = list("params").map(param).collect();
    let on: Vec<&str> = list("on").filter_map(Value::as_str).collect();
    let fallback = runbook.get("fallback").and_then(Value::as_bool) == Some(true);
    let on = match (fallback, on.is_empty()) {
        (true, _) => "what no other answers".to_owned(),
        (false, true) => "by hand only".to_owned(),
        (false, false) => on.join(" "),
    };
    vec![
        (Tone::Strong, shown(runbook, "name")),
        (Tone::Plain, shown(runbook, "mode")),
        (Tone::Plain, params.join(" ")),
        (Tone::Plain, on),
        (Tone::Plain, text(runbook, "summary").to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::cli::client::tests::{Service, problem};
    use crate::cli::screen::tests::screen;

    fn common(url: Option<&str>) -> Common {
        Common { json: false, config: None, url: url.map(str::to_owned), token_file: None }
    }

    #[tokio::test]
    async fn the_service_s_runbooks_are_listed_where_an_address_is_given() {
        let service = Service::start(|request| {
            assert_eq!(request.path, "/v1/runbooks");
            let own = json!({"name": "our-own", "summary": "Cuts \u{1b}[2Joff.", "mode": "approve",
                "on": ["Recon:EC2/*", "Trojan:EC2/*"], "fallback": false,
                "params": [{"name": "instance", "required": true}, {"name": "key", "required": false}]});
            let last = json!({"name": "look", "summary": "Looks.", "mode": "observe", "on": [],
                "fallback": true, "params": []});
            (StatusCode::OK, json!({"items": [own, last]}))
        })
        .await;
        let (mut screen, out, _) = screen(false);
        assert_eq!(list(&common(Some(&service.url)), &mut screen).await, Ok(0));
        let text = out.text().replace(&service.url, "URL");
        insta::assert_snapshot!(text, @r"
        runbooks of the service at URL:
        runbook  mode     takes           answers                   what it does
        our-own  approve  instance [key]  Recon:EC2/* Trojan:EC2/*  Cuts off.
        look     observe                  what no other answers     Looks.
        ");
    }

    #[tokio::test]
    async fn a_refusal_is_told_as_it_is_and_a_missing_service_with_the_way_out() {
        let service =
            Service::start(|_| problem(StatusCode::FORBIDDEN, "E0202", "intake may not")).await;
        let (mut screen, _, _) = screen(false);
        let error = list(&common(Some(&service.url)), &mut screen).await.unwrap_err();
        assert_eq!((error.code, error.remedy()), (Code::FORBIDDEN, "do this"));
        let nobody = Client::new("http://127.0.0.1:1", None).unwrap();
        let error = of_service(&nobody).await.unwrap_err();
        assert!(error.code == Code::CLIENT && error.remedy().contains("unset"), "{error}");
    }

    #[tokio::test]
    async fn without_an_address_it_is_the_local_configuration_and_says_so() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let common = Common { config: Some(file.path().to_owned()), ..common(None) };
        let (mut screen, out, _) = screen(false);
        assert_eq!(list(&common, &mut screen).await, Ok(0));
        let text = out.text();
        assert!(
            text.starts_with("runbooks of the local configuration, the shipped ones"),
            "{text}"
        );
        assert!(text.contains("compromised-instance") && text.contains("what no other answers"));
    }
}
