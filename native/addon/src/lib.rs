//! The Node addon: one way in and one way out. Safe to load in several worker threads of a process.

use napi_derive::napi;

/// Runs a method of the proofs on this thread and answers with a JSON envelope. Blocks until it is done.
#[napi(catch_unwind)]
pub fn call(method: String, request: String) -> String {
    sealyard_proofs_core::call(&method, &request)
}

unsafe extern "C" {
    fn _exit(code: i32) -> !;
}

/// Ends the process at once. Node's own exit waits for threads that are inside a native call, which may take an hour.
#[napi]
pub fn leave(code: i32) {
    // Safety: ends the process without running anything more of it.
    unsafe { _exit(code) }
}
