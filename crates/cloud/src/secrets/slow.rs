//! Threads for work that is slow on purpose: hashing passwords.
//!
//! They are few, so that many sign-ins at once take neither all memory (64 MiB each) nor the threads that
//! serve everybody else. Who comes beyond waits in line.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use tokio::sync::{Semaphore, oneshot};

type Job = Box<dyn FnOnce() + Send>;

/// Work that may wait in line; beyond, callers wait before they queue.
static WAITING: Semaphore = Semaphore::const_new(256);

/// Runs work on one of the threads; none when it panicked.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let _place = WAITING.acquire().await.ok()?;
    let (done, result) = oneshot::channel();
    let job: Job = Box::new(move || {
        let _ = done.send(work());
    });
    queue().send(job).ok()?;
    result.await.ok()
}

fn queue() -> &'static Sender<Job> {
    static QUEUE: OnceLock<Sender<Job>> = OnceLock::new();
    QUEUE.get_or_init(|| {
        let (sender, receiver) = channel::<Job>();
        let receiver: &'static Mutex<Receiver<Job>> = Box::leak(Box::new(Mutex::new(receiver)));
        let threads = thread::available_parallelism().map_or(1, usize::from).clamp(1, 4);
        for number in 0..threads {
            let work = || {
                loop {
                    let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { break };
                    job();
                }
            };
            // Without a thread the job is dropped and its caller told so.
            let _ = thread::Builder::new().name(format!("passwords-{number}")).spawn(work);
        }
        sender
    })
}
