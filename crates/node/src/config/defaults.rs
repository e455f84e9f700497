//! Values of keys that the file leaves out.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::{
    Acl, Cloud, Config, Fallback, Inspect, Limits, Masking, OnRegisterFailure, OverlimitMode, RateLimiting,
    SamplingSettings, Spool, Status, Timeouts,
};

pub(super) fn version() -> u32 {
    1
}

pub(super) fn state_dir() -> PathBuf {
    PathBuf::from("/var/lib/bartizan-node")
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn block_status() -> u16 {
    403
}

pub(super) fn real_ip() -> Vec<String> {
    ["X-Forwarded-For", "Forwarded", "X-Real-IP"].map(str::to_owned).to_vec()
}

/// The string `"auto"`.
pub(super) mod auto {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::config) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("auto")
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "auto" => Ok(()),
            other => Err(D::Error::custom(format!("expected \"auto\" or a number, found {other:?}"))),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            version: version(),
            role: super::Role::default(),
            workers: super::Workers::default(),
            state_dir: state_dir(),
            blocking: true,
            cloud: Cloud::default(),
            listen: Vec::new(),
            upstream: std::collections::BTreeMap::new(),
            route: super::Route::default(),
            client_ip: super::ClientIp::default(),
            acl: Acl::default(),
            rate_limit: RateLimiting::default(),
            inspect: Inspect::default(),
            parsers: super::Parsers::default(),
            log: super::Log::default(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            keep_alive: super::KeepAlive::default(),
            block: Vec::new(),
            sampling: SamplingSettings::default(),
            spool: Spool::default(),
            status: Status::default(),
            masking: Masking::default(),
            source: None,
        }
    }
}

impl Default for Cloud {
    fn default() -> Cloud {
        Cloud {
            enabled: true,
            host: String::new(),
            port: 443,
            use_ssl: true,
            ca_verify: true,
            ca_file: None,
            token: None,
            token_file: None,
            labels: std::collections::BTreeMap::new(),
            force_register: false,
            unregister_on_exit: false,
            on_register_failure: OnRegisterFailure::default(),
        }
    }
}

impl Default for Acl {
    fn default() -> Acl {
        Acl { enabled: true, early: true, export: true, databases: Vec::new() }
    }
}

impl Default for RateLimiting {
    fn default() -> RateLimiting {
        RateLimiting { enabled: true, keys: 130_000 }
    }
}

impl Default for Inspect {
    fn default() -> Inspect {
        Inspect {
            process_time_limit_ms: 1000,
            overlimit_mode: OverlimitMode::Monitoring,
            body_max: 8 << 20,
            on_body_over_limit: Fallback::Pass,
            offload_bytes: 256 << 10,
            parse_response: true,
            unpack_response: true,
            parse_html_response: true,
            queue_max: 256,
            held_max: 256 << 20,
            enable_confirmation: true,
            limits: super::InspectionLimits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            header_block_bytes: 64 << 10,
            header_line_bytes: 16 << 10,
            header_count: 256,
            body_max: 0,
            max_streams: 128,
            connections: 10_000,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            tls_handshake_s: 10,
            header_s: 10,
            body_idle_s: 30,
            upstream_connect_s: 5,
            response_idle_s: 60,
            upstream_response_s: 60,
            upstream_idle_s: 0,
            tunnel_idle_s: 3600,
            keep_alive_s: 75,
            drain_s: 30,
        }
    }
}

impl Default for SamplingSettings {
    fn default() -> SamplingSettings {
        SamplingSettings { enabled: true, high_share_percent: 5, high_hits_per_s: 50, low_share_percent: 2 }
    }
}

impl Default for Spool {
    fn default() -> Spool {
        Spool { max_bytes: 2 << 30, segment_bytes: 8 << 20, queue_bytes: 100 << 20 }
    }
}

impl Default for Status {
    fn default() -> Status {
        Status { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 10246)), allow: Vec::new() }
    }
}

impl Default for Masking {
    fn default() -> Masking {
        Masking { defaults: true }
    }
}
