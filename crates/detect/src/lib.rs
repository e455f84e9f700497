//! Attack detection over the points of a request.
//!
//! [`inspect`] walks a whole request and reports one [`Detection`] per attack type and point; [`Engine::scan`]
//! looks at one value. Both are deterministic, do no I/O and take time linear in their input.
//!
//! A detector is one file with one table of signatures: what it looks for, where, and in how free a text a match
//! is still believed. Stamps are stable ids in ranges per attack type (`type id × 1000`, see `docs/detection.md`).
//!
//! ```
//! use bartizan_detect::{Engine, Place};
//!
//! let engine = Engine::new();
//! let mut signs = Vec::new();
//! engine.scan(b"1' union select password from users--", Place::QueryValue, &mut signs);
//! assert_eq!(signs[0].attack_type.code(), "sqli");
//! ```
//!
//! A whole request, in another program:
//!
//! ```
//! use bartizan_detect::{Engine, NoPolicy, inspect};
//! use bartizan_request::{Limits, Message};
//!
//! let engine = Engine::new(); // once, shared by all threads
//! let request = Message::parse(b"GET /search?q=1%27+or+1%3D1-- HTTP/1.1\r\nHost: shop.example\r\n\r\n")?;
//! let found = request.with_parts(|parts| inspect(&engine, parts, &Limits::default(), &mut NoPolicy));
//! for attack in &found.detections {
//!     println!("{} at {}: {:?} by {:?}", attack.attack_type, attack.point, attack.value, attack.stamps);
//! }
//! assert_eq!(found.detections[0].attack_type.code(), "sqli");
//! # Ok::<(), bartizan_request::MessageError>(())
//! ```

mod crlf;
mod engine;
mod explain;
mod gate;
mod inspect;
mod ldapi;
mod mail_injection;
mod names;
mod nosqli;
mod place;
mod prompt;
mod ptrav;
mod rce;
mod redir;
mod response;
mod scanner;
mod shape;
mod signature;
mod sqli;
mod ssi;
mod ssrf;
mod ssti;
mod view;
mod xss;
mod xxe;

pub use engine::{Candidate, Engine, Judgement, Outcome, Sign, StampInfo};
pub use explain::{Explanation, PointView, explain};
pub use inspect::{Detection, Inspection, NoPolicy, Policy, inspect};
pub use place::Place;
pub use response::{
    Asked, Attempt, Proof, QueryParameter, RESPONSE_MAX, ResponseEngine, ResponseParts, masked,
    masked_excerpt, token_claims,
};

/// Every detector, in the order in which signs are reported.
static DETECTORS: &[&signature::Detector] = &[
    &sqli::union::DETECTOR,
    &sqli::anywhere::DETECTOR,
    &sqli::boolean::DETECTOR,
    &sqli::stacked::DETECTOR,
    &sqli::server::DETECTOR,
    &sqli::clause::DETECTOR,
    &sqli::function::DETECTOR,
    &sqli::grammar::DETECTOR,
    &sqli::nested::DETECTOR,
    &sqli::fragment::DETECTOR,
    &xss::handler::DETECTOR,
    &xss::uri::DETECTOR,
    &xss::markup::DETECTOR,
    &xss::script::DETECTOR,
    &xss::grammar::DETECTOR,
    &rce::shell::DETECTOR,
    &rce::windows::DETECTOR,
    &rce::php::DETECTOR,
    &rce::java::DETECTOR,
    &rce::scripting::DETECTOR,
    &rce::deserialization::DETECTOR,
    &rce::framework::DETECTOR,
    &ptrav::DETECTOR,
    &ssti::DETECTOR,
    &nosqli::DETECTOR,
    &ldapi::DETECTOR,
    &crlf::DETECTOR,
    &mail_injection::DETECTOR,
    &ssi::DETECTOR,
    &ssrf::DETECTOR,
    &xxe::DETECTOR,
    &redir::DETECTOR,
    &prompt::DETECTOR,
    &scanner::DETECTOR,
];
