//! Calls of this process that know how far they are, for any thread to read.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;

struct State {
    path: PathBuf,
    done: AtomicU64,
    total: u64,
}

/// Bytes of one call; listed until it is dropped.
pub struct Running(Arc<State>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningCall {
    path: PathBuf,
    done_bytes: u64,
    total_bytes: u64,
}

static CALLS: Mutex<Vec<Arc<State>>> = Mutex::new(Vec::new());

fn calls() -> MutexGuard<'static, Vec<Arc<State>>> {
    CALLS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Running {
    /// `path`: the file that is being written, by which the caller finds its call again.
    pub fn start(path: &Path, total_bytes: u64) -> Self {
        let state = Arc::new(State { path: path.to_path_buf(), done: AtomicU64::new(0), total: total_bytes });
        calls().push(state.clone());
        Running(state)
    }

    pub fn advance(&self, bytes: u64) {
        self.0.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        calls().retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

pub fn running_calls() -> Vec<RunningCall> {
    calls()
        .iter()
        .map(|state| RunningCall {
            path: state.path.clone(),
            done_bytes: state.done.load(Ordering::Relaxed).min(state.total),
            total_bytes: state.total,
        })
        .collect()
}
