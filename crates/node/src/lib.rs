//! Placeholder prologue.
