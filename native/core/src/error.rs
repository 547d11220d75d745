//! Errors as values: a code to decide by, a message, and the chain of causes.

use std::io;
use std::path::Path;

use serde::Serialize;
use storage_proofs_core::error::Error as StorageProofsError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// The request does not say what to do: wrong JSON, unknown proof, a size that cannot be.
    InvalidArgument,
    UnknownMethod,
    /// A file or directory is missing or unreadable.
    Io,
    /// No space is left on a disk, or in a quota.
    DiskFull,
    /// Some replicas cannot be proven; `faultySectors` says which.
    FaultySectors,
    /// No parameter file, verifying key or SRS where the proofs look for it.
    ParametersMissing,
    /// A parameter file is not what it should be.
    InvalidParameters,
    /// The settings of the proofs were already read with other values.
    AlreadyConfigured,
    /// Any other refusal of the proofs library.
    Proofs,
    /// A bug: something panicked. The process goes on.
    Panic,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub code: Code,
    pub message: String,
    /// What caused it, outermost first.
    pub causes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faulty_sectors: Vec<u64>,
}

pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure { code, message: message.into(), causes: Vec::new(), faulty_sectors: Vec::new() }
    }

    pub fn argument(message: impl Into<String>) -> Self {
        Failure::new(Code::InvalidArgument, message)
    }

    /// An I/O error with the path that the libraries below often leave out.
    pub fn file(doing: &str, path: &Path, error: io::Error) -> Self {
        Failure {
            causes: vec![error.to_string()],
            ..Failure::new(io_code(&error), format!("could not {doing} {}", path.display()))
        }
    }
}

fn io_code(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        _ => Code::Io,
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let mut code = Code::Proofs;
        let mut faulty_sectors = Vec::new();
        for cause in error.chain() {
            if let Some(known) = cause.downcast_ref::<StorageProofsError>() {
                match known {
                    StorageProofsError::FaultySectors(ids) => {
                        code = Code::FaultySectors;
                        faulty_sectors = ids.iter().map(|id| u64::from(*id)).collect();
                    }
                    StorageProofsError::InvalidParameters(_) => code = Code::InvalidParameters,
                    StorageProofsError::Io(_) => code = Code::Io,
                    _ => {}
                }
            } else if let (Some(known), Code::Proofs) = (cause.downcast_ref::<io::Error>(), code) {
                code = io_code(known);
            }
        }
        let mut chain = error.chain().map(|cause| cause.to_string());
        let message = chain.next().unwrap_or_default();
        Failure { code, message, causes: chain.collect(), faulty_sectors }
    }
}
