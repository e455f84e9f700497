//! `bartizan admin export-config` and `import-config`: the configuration of a tenant as a file.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use bartizan_api::ApiError;
use bartizan_cloud::{
    Cloud, Failure as Refusal,
    services::configuration::{Author, export, import},
};
use bartizan_store::TenantId;
use serde_json::{Map, Value};

use crate::{outcome::Failure, output::print};

/// Writes the configuration of a tenant to a file that only its owner may read, or to standard output.
pub(super) async fn to_file(
    cloud: &Cloud,
    client: i64,
    to: Option<&Path>,
    with_secrets: bool,
) -> Result<(), Failure> {
    let document = export(cloud, Author::Operator, TenantId(client), with_secrets)
        .await
        .map_err(|error| refused(client, error))?;
    let text = serde_json::to_string_pretty(&document).map_err(Failure::fault)?;
    let Some(path) = to else {
        return print(text);
    };
    let cannot = |error| Failure::usage(format!("{} cannot be written: {error}", path.display()));
    // Secrets may be in it.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    writeln!(file.map_err(cannot)?, "{text}").map_err(cannot)?;
    print(path.display())
}

/// Makes the configuration of a tenant what a file says, or with `dry_run` tells what that would change.
pub(super) async fn from_file(cloud: &Cloud, client: i64, from: &Path, dry_run: bool) -> Result<(), Failure> {
    let wrong = |error: String| Failure::usage(format!("{}: {error}", from.display()));
    let text = std::fs::read_to_string(from).map_err(|error| wrong(error.to_string()))?;
    let document: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let report = import(cloud, Author::Operator, TenantId(client), document, dry_run)
        .await
        .map_err(|error| refused(client, error))?;
    for (section, done) in &report.sections {
        print(format_args!(
            "{section}: {} created, {} updated, {} deleted, {} unchanged",
            done.created, done.updated, done.deleted, done.unchanged
        ))?;
        if done.expired > 0 {
            print(format_args!("{section}: {} left out, their time is over", done.expired))?;
        }
    }
    print(if report.applied { "imported" } else { "nothing was changed" })
}

/// A refusal in lines, each with its place in the document.
fn refused(client: i64, Refusal(error): Refusal) -> Failure {
    if error == ApiError::absent() {
        return Failure::usage(format!("there is no client {client}"));
    }
    let Value::Object(places) = &error.body else {
        return Failure::usage(error.body.as_str().map_or_else(|| error.body.to_string(), str::to_owned));
    };
    let line = |(place, fault): (&String, &Value)| {
        let text =
            fault.get("error").and_then(Value::as_str).map_or_else(|| fault.to_string(), str::to_owned);
        match fault.get("value").filter(|value| !value.is_null()) {
            Some(value) => format!("{place}: {text}: {value}"),
            None => format!("{place}: {text}"),
        }
    };
    Failure::usage(places.iter().map(line).collect::<Vec<_>>().join("\n"))
}
