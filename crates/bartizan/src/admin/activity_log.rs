//! `bartizan admin check-activity`: is the activity log what was written?

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::Path,
};

use bartizan_cloud::{
    Cloud,
    services::activity_chain::{self, Witness},
};
use bartizan_store::TenantId;

use super::store_failure;
use crate::{outcome::Failure, output::print};

/// Prints a line per tenant and one per break; a break is a failure.
pub(super) async fn check(cloud: &Cloud, witness: Option<&Path>) -> Result<(), Failure> {
    let witnesses = witness.map(read).transpose()?.unwrap_or_default();
    let found = activity_chain::check(cloud, &witnesses).await.map_err(store_failure)?;
    let mut holds = found.contradicted.is_empty();
    for chain in &found.chains {
        let tenant = chain.tenant.0;
        let verdict = if chain.fault.is_none() { "unbroken" } else { "BROKEN" };
        print(format_args!(
            "client {tenant}: {} entries, {} waiting: {verdict}",
            chain.entries, chain.waiting
        ))?;
        if let Some(fault) = &chain.fault {
            holds = false;
            let entry = fault.id.map(|id| format!(", entry {id}")).unwrap_or_default();
            print(format_args!("  at {}{entry}: {}", fault.seq, fault.what))?;
        }
    }
    for (tenant, seq) in &found.contradicted {
        print(format_args!("client {}: the entry at {seq} is not the one of the last check", tenant.0))?;
    }
    if !holds {
        return Err(Failure::fault("the activity log is not what was written"));
    }
    let heads = found.chains.iter().filter(|chain| chain.head.0 > 0);
    let lines: String =
        heads.map(|chain| format!("{} {} {}\n", chain.tenant.0, chain.head.0, chain.head.1)).collect();
    match witness {
        // An empty witness would be none; what the last one says stays.
        Some(path) if !lines.is_empty() => replace(path, &lines).map_err(|error| unusable(path, error)),
        _ => Ok(()),
    }
}

/// Writes a file that is the old one or the new one, whenever the process dies.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn unusable(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("{} cannot be used: {error}", path.display()))
}

/// What the last check noted; nothing before the first.
fn read(path: &Path) -> Result<Vec<Witness>, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(path, error)),
    };
    if text.trim().is_empty() {
        return Err(unusable(path, "it is empty, which no check leaves behind; delete it to begin anew"));
    }
    let line = |line: &str| {
        let mut parts = line.split(' ');
        let (tenant, seq, mac) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        Some((TenantId(tenant), seq, mac.to_owned()))
    };
    let lines =
        text.lines().map(|text| line(text).ok_or_else(|| unusable(path, format!("not a witness: {text}"))));
    lines.collect()
}
