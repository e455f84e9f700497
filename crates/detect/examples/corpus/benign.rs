//! placeholder
use std::path::Path;
use bartizan_detect::Engine;
use crate::Listing;
pub(crate) fn run(_: &Engine, _: &Path, _: Listing) {}
