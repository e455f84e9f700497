//! Diagnostics: what a person needs who is to find out what is wrong with a node, without secrets.

use serde_json::{Value, json};

use crate::live::Live;

/// Everything in one document. Secrets are masked by their type.
pub(super) fn dump(live: &Live) -> Value {
    let state = live.state();
    let config = serde_json::to_value(&state.config).unwrap_or_default();
    let workers: Vec<Value> = state
        .workers
        .iter()
        .map(|worker| {
            json!({
                "requests": worker.requests.get(),
                "connections_accepted": worker.connections.get(),
                "running_s": worker.tick.get(),
            })
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "pid": std::process::id(),
        "uptime_s": state.started.elapsed().as_secs(),
        "uuid": state.uuid.load().as_str(),
        "addresses": live.addresses(),
        "memory": memory(),
        "workers": workers,
        "config_file": state.config.source,
        "config": config,
        "status": crate::status::status(&state),
    })
}

/// Memory figures of the process, bytes, from the kernel's names.
fn memory() -> Value {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    json!({ "resident": figure("VmRSS:"), "peak": figure("VmHWM:") })
}
