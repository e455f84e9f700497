//! One limit for all processes of a cloud: each takes the share of it that it is asked for.
//!
//! Twice a second a process says in the database how many requests of each client it saw, and hears what the others
//! saw, and takes its fair share of the client's rate. Requests that were refused count. Between two exchanges nothing is asked, so a request
//! costs no query. A client that was quiet begins with an even share.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bartizan_store::rate_limits::OtherUsage;

use crate::state::Cloud;

/// Time between two exchanges.
const PERIOD: Duration = Duration::from_millis(500);
/// The least share, so that a process that begins to be asked can answer before the next exchange.
const LEAST: f64 = 0.02;

/// A token bucket per client whose size and rate are a share of the limit.
#[derive(Debug)]
pub(super) struct SharedBuckets {
    rate: f64,
    burst: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    cells: HashMap<i64, Cell>,
    /// Processes that run, this one too.
    processes: usize,
}

#[derive(Debug)]
struct Cell {
    tokens: f64,
    at: Instant,
    share: f64,
    /// Requests since the last exchange.
    asked: u32,
    /// Requests per second, smoothed.
    demand: f64,
}

impl SharedBuckets {
    pub(super) fn new(rate: u32, burst: u32) -> SharedBuckets {
        let state = State { cells: HashMap::new(), processes: 1 };
        SharedBuckets {
            rate: f64::from(rate.max(1)),
            burst: f64::from(burst.max(1)),
            state: Mutex::new(state),
        }
    }

    /// Takes one; says how many are left, or how long until there is one.
    pub(super) fn take(&self, client: i64, now: Instant) -> Result<u32, Duration> {
        let mut state = self.lock();
        let share = even(state.processes);
        let fresh = || Cell { tokens: self.burst * share, at: now, share, asked: 0, demand: 0.0 };
        let cell = state.cells.entry(client).or_insert_with(fresh);
        let passed = now.saturating_duration_since(cell.at).as_secs_f64();
        // At least one: a share of a small limit would otherwise never let anything through.
        let most = (self.burst * cell.share).max(1.0);
        cell.tokens = (cell.tokens + passed * self.rate * cell.share).min(most);
        cell.at = now;
        cell.asked = cell.asked.saturating_add(1);
        if cell.tokens >= 1.0 {
            cell.tokens -= 1.0;
            Ok(whole(cell.tokens))
        } else {
            Err(Duration::from_secs_f64((1.0 - cell.tokens) / (self.rate * cell.share)))
        }
    }

    /// Requests per second of each client since the last report; clients that are quiet are forgotten.
    fn report(&self, passed: Duration) -> Vec<(i64, i64)> {
        let mut state = self.lock();
        for cell in state.cells.values_mut() {
            let lately = f64::from(cell.asked) / passed.as_secs_f64().max(0.001);
            cell.asked = 0;
            cell.demand = if cell.demand == 0.0 { lately } else { f64::midpoint(cell.demand, lately) };
            // Quiet: its next request finds the even share, not the remainder of a halved number.
            if cell.demand < 0.5 {
                cell.demand = 0.0;
            }
        }
        // What is forgotten begins anew with a full bucket: it must have had the time to fill.
        let quiet = Duration::from_secs_f64(self.burst / (self.rate * LEAST)).max(Duration::from_secs(5));
        let now = Instant::now();
        state.cells.retain(|_, cell| now.saturating_duration_since(cell.at) < quiet);
        let said = state.cells.iter().filter(|(_, cell)| cell.demand >= 0.5);
        said.map(|(client, cell)| (*client, i64::from(whole(cell.demand.ceil())))).collect()
    }

    /// Takes the shares that follow from what the others are asked.
    fn apply(&self, others: &OtherUsage) {
        let mut demand: HashMap<i64, Vec<f64>> = HashMap::new();
        for (client, asked) in &others.demand {
            demand.entry(*client).or_default().push(f64::from(u32::try_from(*asked).unwrap_or(u32::MAX)));
        }
        let mut state = self.lock();
        state.processes = others.processes + 1;
        let even = even(state.processes);
        for (client, cell) in &mut state.cells {
            let elsewhere = demand.get(client).map(Vec::as_slice).unwrap_or_default();
            cell.share = match cell.demand.ceil() {
                own if own > 0.0 => share(self.rate, own, elsewhere).max(LEAST),
                _ => even,
            };
        }
    }

    /// Processes that run, as far as this one knows.
    pub(super) fn processes(&self) -> usize {
        self.lock().processes
    }

    pub(super) fn rate(&self) -> u32 {
        whole(self.rate)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a rate that a process gets. Whoever is asked less than an even part answers all of it; what that
/// leaves is for the others. Every process computes the same from the same numbers.
fn share(rate: f64, own: f64, others: &[f64]) -> f64 {
    let all = own + others.iter().sum::<f64>();
    if all <= rate {
        return own / all;
    }
    let mut sorted: Vec<f64> = others.iter().copied().chain([own]).collect();
    sorted.sort_by(f64::total_cmp);
    let (mut left, mut processes) = (rate, sorted.len());
    for demand in sorted {
        let level = left * even(processes);
        if demand > level {
            return own.min(level) / rate;
        }
        left -= demand;
        processes -= 1;
    }
    own / all
}

fn even(processes: usize) -> f64 {
    1.0 / f64::from(u32::try_from(processes.max(1)).unwrap_or(u32::MAX))
}

fn whole(number: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; large ones saturate"
    )]
    let whole = number.floor() as u32;
    whole
}

/// Exchanges for as long as the cloud runs.
pub(crate) async fn exchange(cloud: Cloud) {
    let process = uuid::Uuid::new_v4().to_string();
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        tick.tick().await;
        let said = cloud.limits.client.report(last.elapsed());
        last = Instant::now();
        if !cloud.store.is_shared() {
            // Nobody else is there.
            cloud.limits.client.apply(&OtherUsage::default());
            continue;
        }
        match cloud.store.exchange_usage(&process, &said).await {
            Ok(others) => cloud.limits.client.apply(&others),
            // The shares stay as they were.
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "no exchange of usage"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets processes be asked in turns of a tenth of the period, exchanging after each period, and counts what each
    /// one admits.
    fn run(asked_per_turn: &[u32], periods: u32) -> Vec<u32> {
        let processes: Vec<SharedBuckets> =
            asked_per_turn.iter().map(|_| SharedBuckets::new(100, 100)).collect();
        let mut admitted = vec![0; processes.len()];
        let begin = Instant::now();
        for process in &processes {
            process.apply(&OtherUsage { processes: processes.len() - 1, demand: vec![] });
        }
        for turn in 0..periods * 10 {
            let now = begin + PERIOD / 10 * turn;
            for ((process, asked), admitted) in processes.iter().zip(asked_per_turn).zip(&mut admitted) {
                *admitted += (0..*asked).filter(|_| process.take(7, now).is_ok()).map(|_| 1).sum::<u32>();
            }
            if turn % 10 == 9 {
                let said: Vec<_> = processes.iter().map(|process| process.report(PERIOD)).collect();
                for (index, process) in processes.iter().enumerate() {
                    let others = said.iter().enumerate().filter(|(other, _)| *other != index);
                    let demand = others.flat_map(|(_, said)| said.iter().copied()).collect();
                    process.apply(&OtherUsage { processes: processes.len() - 1, demand });
                }
            }
        }
        admitted
    }

    #[test]
    fn processes_hold_the_limit_together() {
        // Thirty seconds at 100 per second, and a full bucket: 3,100.
        for asked in [&[50][..], &[50, 50], &[50, 5], &[50, 10, 20], &[100, 1], &[10, 10, 10, 10]] {
            let total: u32 = run(asked, 60).iter().sum();
            assert!((2_790..=3_410).contains(&total), "{asked:?}: {total}");
        }
    }

    #[test]
    fn a_process_that_is_asked_little_answers_all_of_it() {
        // 20 and 200 requests per second of 100.
        let admitted = run(&[1, 10], 60);
        assert_eq!(admitted[0], 600, "{admitted:?}");
        assert!((2_300..=2_600).contains(&admitted[1]), "{admitted:?}");
    }
}
