//! How far the generation in this process has come, for any thread to read.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;

/// Units are multiplications in G1.
pub struct Progress {
    done: AtomicU64,
    cancelled: AtomicBool,
    state: Mutex<State>,
}

struct State {
    what: String,
    phase: &'static str,
    total: u64,
    started: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub what: String,
    pub phase: &'static str,
    /// 0 to 1.
    pub fraction: f64,
    pub elapsed_ms: u64,
}

static RUNNING: Mutex<Vec<Arc<Progress>>> = Mutex::new(Vec::new());

impl Progress {
    /// Registers a generation; it is listed until the guard is dropped.
    pub fn start(what: &str) -> Registered {
        let progress = Arc::new(Progress {
            done: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            state: Mutex::new(State { what: what.to_string(), phase: "waiting", total: 0, started: Instant::now() }),
        });
        lock(&RUNNING).push(progress.clone());
        Registered(progress)
    }

    pub fn phase(&self, phase: &'static str) {
        lock(&self.state).phase = phase;
    }

    pub fn expect(&self, total: u64) {
        lock(&self.state).total = total;
    }

    /// An error once the generation was cancelled.
    pub fn proceed(&self) -> io::Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the generation was cancelled"));
        }
        Ok(())
    }

    pub fn advance(&self, units: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
    }

    fn snapshot(&self) -> Snapshot {
        let state = lock(&self.state);
        let done = self.done.load(Ordering::Relaxed) as f64;
        Snapshot {
            what: state.what.clone(),
            phase: state.phase,
            fraction: if state.total == 0 { 0.0 } else { (done / state.total as f64).min(1.0) },
            elapsed_ms: state.started.elapsed().as_millis() as u64,
        }
    }
}

pub struct Registered(Arc<Progress>);

impl std::ops::Deref for Registered {
    type Target = Progress;
    fn deref(&self) -> &Progress {
        &self.0
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&RUNNING).retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

/// The generations that run in this process now.
pub fn snapshots() -> Vec<Snapshot> {
    lock(&RUNNING).iter().map(|progress| progress.snapshot()).collect()
}

/// Asks the generations of this process to stop; they end with an error soon after.
pub fn cancel_all() {
    for progress in lock(&RUNNING).iter() {
        progress.cancelled.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
