//! Standard output. Its reader may close it when it has seen enough (`| head`): what is left to say is then nobody's, and the
//! command ends as it would have, without a word. `println!` would panic.

use std::{
    fmt::Display,
    io::{self, Write},
    ops::ControlFlow,
};

use crate::outcome::Failure;

/// Prints text and the end of a line.
pub(crate) fn print(text: impl Display) -> Result<(), Failure> {
    print_to(&mut io::stdout().lock(), &text).map(|_| ())
}

/// Prints what cannot be asked for again, such as a new password: a reader who is gone is a failure.
pub(crate) fn print_once(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Failure::fault)
}

/// The same as [`print`] to an output that is kept open; `Break` says that nobody reads on.
pub(crate) fn print_to(out: &mut impl Write, text: &impl Display) -> Result<ControlFlow<()>, Failure> {
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::fault(error)),
    }
}
