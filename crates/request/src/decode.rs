//! Value decoders: pure functions from bytes to bytes, each tried on every value that looks right.
//!
//! A decoder answers `None`/`false` when the value is not in its encoding, and never fails otherwise:
//! an odd tail is copied as it is, as tolerant servers do. Limits on depth and volume are the walk's.

pub(crate) mod percent;
