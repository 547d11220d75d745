//! The Node addon: one function. Safe to load in several worker threads of a process.

use napi_derive::napi;

/// Runs a method of the proofs on this thread and answers with a JSON envelope. Blocks until it is done.
#[napi(catch_unwind)]
pub fn call(method: String, request: String) -> String {
    sealyard_proofs_core::call(&method, &request)
}
