//! Remote code execution, by the interpreter that is attacked: one file per interpreter.

pub(crate) mod deserialization;
pub(crate) mod framework;
pub(crate) mod java;
pub(crate) mod php;
pub(crate) mod scripting;
pub(crate) mod shell;
pub(crate) mod windows;
