//! A count out of a total, printed with its percentage.

use std::fmt;

/// How many of how many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) hit: usize,
    pub(crate) all: usize,
}

impl Tally {
    /// Counts one case.
    pub(crate) fn add(&mut self, hit: bool) {
        self.all += 1;
        self.hit += usize::from(hit);
    }

    /// Adds another count.
    pub(crate) fn join(&mut self, other: Tally) {
        self.all += other.all;
        self.hit += other.hit;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "counts of a corpus are small")]
        let percent = self.hit as f64 * 100.0 / self.all.max(1) as f64;
        write!(f, "{}/{} ({percent:.2} %)", self.hit, self.all)
    }
}
