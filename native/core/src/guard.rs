//! A panic is an error of the call it happened in, never the end of the process.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, Once};

use crate::error::{Code, Failure, Outcome};

/// The hook runs on the panicking thread (often one of a thread pool), the catch on the calling one: they meet here by the message.
static RECENT: Mutex<VecDeque<(String, String)>> = Mutex::new(VecDeque::new());
const REMEMBERED: usize = 16;

fn text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_string()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_string()
    }
}

fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
            let thread = std::thread::current().name().unwrap_or("unnamed").to_string();
            let mut recent = RECENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if recent.len() == REMEMBERED {
                recent.pop_front();
            }
            recent.push_back((text(info.payload()), format!("at {place} in thread {thread}")));
        }));
    });
}

pub fn guarded<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    install_hook();
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = text(payload.as_ref());
        let recent = RECENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let place = recent.iter().rev().find(|(said, _)| *said == message).map(|(_, place)| place.clone());
        Err(Failure {
            causes: place.into_iter().collect(),
            ..Failure::new(Code::Panic, format!("panic in the proofs: {message}"))
        })
    })
}
