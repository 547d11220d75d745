//! The settings of the proofs library: environment variables that it reads once, at its first use.

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use storage_proofs_core::parameter_cache::{parameter_cache_dir_name, VERSION};
use storage_proofs_core::settings::SETTINGS;

use crate::error::{Code, Failure, Outcome};

static READ: AtomicBool = AtomicBool::new(false);

/// From the first call that may touch the library on, the settings stand.
pub fn mark_read() {
    READ.store(true, Ordering::SeqCst);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Configure {
    env: BTreeMap<String, String>,
}

/// Sets environment variables of the process. The environment of a worker thread of Node is a copy, so this is the way from there.
pub fn configure(request: Configure) -> Outcome<()> {
    for (name, value) in request.env {
        if env::var(&name).is_ok_and(|current| current == value) {
            continue;
        }
        if READ.load(Ordering::SeqCst) {
            return Err(Failure::new(
                Code::AlreadyConfigured,
                format!("{name} cannot become {value:?}: the proofs of this process already run with other settings"),
            ));
        }
        env::set_var(name, value);
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    addon: &'static str,
    filecoin_proofs_api: &'static str,
    parameters_version: usize,
    features: Vec<&'static str>,
    parameter_cache: String,
    /// Threads that compute together: the cores that this process may use, unless RAYON_NUM_THREADS says otherwise.
    threads: usize,
    settings: serde_json::Value,
}

pub fn version() -> Outcome<Version> {
    mark_read();
    let features = [
        ("cuda", cfg!(feature = "cuda")),
        ("cuda-supraseal", cfg!(feature = "cuda-supraseal")),
        ("opencl", cfg!(feature = "opencl")),
        ("multicore-sdr", cfg!(feature = "multicore-sdr")),
    ];
    Ok(Version {
        addon: env!("CARGO_PKG_VERSION"),
        filecoin_proofs_api: "19.1.0",
        parameters_version: VERSION,
        features: features.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect(),
        parameter_cache: parameter_cache_dir_name(),
        threads: rayon::current_num_threads(),
        settings: serde_json::to_value(&*SETTINGS).unwrap_or_default(),
    })
}
