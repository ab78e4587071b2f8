//! Reading an entry's body for people, and the phrases made of it.

use serde_json::{Map, Value};

/// The body, read leniently: an entry of a newer version may lack or add fields.
pub struct Body<'a>(pub &'a Map<String, Value>);

impl Body<'_> {
    /// The text of a field; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// The lines of a list.
    pub fn list(&self, name: &str) -> Vec<String> {
        let items = self
            .0
            .get(name)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        items
            .iter()
            .map(|item| {
                item.as_str()
                    .map_or_else(|| item.to_string(), str::to_owned)
            })
            .collect()
    }

    /// The text at a dotted path; empty where there is none.
    pub fn at(&self, path: &str) -> String {
        let found = path
            .split('.')
            .try_fold(None::<&Value>, |value, part| match value {
                None => self.0.get(part).map(Some),
                Some(value) => value.get(part).map(Some),
            });
        match found.flatten() {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}

/// `a: b`, or just what is there.
pub fn with(words: &str, more: &str) -> String {
    match (words, more) {
        ("", more) => more.to_owned(),
        (words, "") => words.to_owned(),
        (words, more) => format!("{words}: {more}"),
    }
}

/// What a case is about, in one line.
pub fn about(body: &Body<'_>) -> String {
    let severity = match body.text("severity") {
        severity if severity.is_empty() => severity,
        severity => format!("severity {severity}"),
    };
    let parts = [
        body.text("finding_type"),
        severity,
        body.text("account"),
        body.text("region"),
        body.text("resource"),
    ];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · ")
}

/// The parameters of a run, as one line.
pub fn params(body: &Map<String, Value>) -> Vec<String> {
    match body.get("params").and_then(Value::as_object) {
        Some(params) if !params.is_empty() => vec![pairs(params)],
        _ => vec![],
    }
}

/// The arguments of a step, after a space.
pub fn args(body: &Map<String, Value>) -> String {
    match body.get("args").and_then(Value::as_object) {
        Some(args) if !args.is_empty() => format!(" {}", pairs(args)),
        _ => String::new(),
    }
}

/// `name=value` pairs.
pub fn pairs(map: &Map<String, Value>) -> String {
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    };
    map.iter().map(pair).collect::<Vec<_>>().join(" ")
}

/// Who must answer a question, and until when.
pub fn asks(body: &Body<'_>) -> String {
    let quorum = match body.text("quorum").as_str() {
        "" | "0" | "1" => "one yes is enough".to_owned(),
        quorum => format!("{quorum} people must say yes"),
    };
    let until = match body.text("expires_at") {
        until if until.is_empty() => until,
        until => format!(", until {until}"),
    };
    format!("{}: {quorum}{until}", body.text("approval"))
}

/// A chain-of-custody record in words.
pub fn evidence(body: &Map<String, Value>) -> String {
    let record = body
        .get("evidence")
        .and_then(Value::as_object)
        .unwrap_or(body);
    let kind = record
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or("evidence");
    let details: Map<String, Value> = record
        .iter()
        .filter(|(name, value)| {
            !matches!(name.as_str(), "kind" | "run" | "step") && !value.is_null()
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    with(&format!("evidence: {kind}"), &pairs(&details))
}
