//! Calls about the Groth16 parameters.

mod assembly;
mod curve;
mod development;
mod files;
mod fixed_base;
mod generate;
mod progress;
mod sets;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::Result;
use bellpepper_core::Circuit;
use bellperson::groth16::aggregate::setup_fake_srs;
use blstrs::{Bls12, Scalar};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage_proofs_core::parameter_cache::parameter_cache_dir;

pub use progress::Snapshot;
pub use sets::ParameterSet;

use crate::error::{Code, Failure, Outcome};
use assembly::CircuitSize;
use files::{DirectoryLock, Layout, Origin, SetFiles, SetReport, State};
use progress::Progress;
use sets::CircuitUser;

/// The parameters a prover of this kind and size needs: present and whole, or an error that says how to get them.
pub fn require_params(set: ParameterSet, sector_size: u64) -> Outcome<()> {
    // A file that was whole once is mapped by the library and stays so.
    static KNOWN: Mutex<Option<HashSet<(ParameterSet, u64)>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let known = known.get_or_insert_with(HashSet::new);
    if !known.contains(&(set, sector_size)) {
        SetFiles::locate(set, sector_size, &parameter_cache_dir())?.require_params()?;
        known.insert((set, sector_size));
    }
    Ok(())
}

/// The verifying key of a kind and size: present, or installed, or an error.
pub fn require_vk(set: ParameterSet, sector_size: u64) -> Outcome<()> {
    SetFiles::locate(set, sector_size, &parameter_cache_dir())?.provide_vk()
}

/// The structured reference string, which aggregation and its verification need. A made one is refused for sectors of real size.
pub fn require_srs(sector_size: u64) -> Outcome<()> {
    let report = srs_report(SrsReportRequest { directory: None })?;
    let made = report.origin == Some(Origin::Development);
    if report.state == State::Ok && !(made && sector_size > sets::MIB8) {
        return Ok(());
    }
    let (code, what) = match report.state {
        State::Ok => (Code::InvalidParameters, "the insecure one of development is"),
        _ => (Code::ParametersMissing, "nothing is"),
    };
    let how = if sector_size > sets::MIB8 {
        "fetch the official one with the parameters of the network (`lotus fetch-params`)"
    } else {
        "make one with `sealyard params generate --set srs`, or fetch it with the parameters of the network"
    };
    Err(Failure::new(code, format!("aggregation needs an SRS, but {what} at {}: {how}", report.path.display())))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportRequest {
    sector_size: u64,
    sets: Vec<ParameterSet>,
    /// Default: the parameter cache of this process.
    #[serde(default)]
    directory: Option<PathBuf>,
    /// Hash the big files as well.
    #[serde(default)]
    digest: bool,
}

pub fn report(request: ReportRequest) -> Outcome<Vec<SetReport>> {
    let directory = request.directory.unwrap_or_else(parameter_cache_dir);
    request
        .sets
        .iter()
        .map(|set| files::report(&SetFiles::locate(*set, request.sector_size, &directory)?, request.digest))
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CircuitRequest {
    sector_size: u64,
    set: ParameterSet,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitReport {
    constraints: usize,
    inputs: usize,
    aux: usize,
}

struct Measure;
impl CircuitUser for Measure {
    type Output = CircuitSize;
    fn run<C: Circuit<Scalar>>(self, make: impl Fn() -> C + Sync) -> Result<CircuitSize> {
        generate::measure(make)
    }
}

pub fn circuit_size(request: CircuitRequest) -> Outcome<CircuitReport> {
    let size = request.set.with_circuit(request.sector_size, Measure)?;
    Ok(CircuitReport { constraints: size.constraints, inputs: size.inputs, aux: size.aux })
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Generator {
    Fast,
    Stock,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenerateRequest {
    sector_size: u64,
    set: ParameterSet,
    /// Default: the parameter cache of this process.
    #[serde(default)]
    directory: Option<PathBuf>,
    /// Default: the published development seed.
    #[serde(default)]
    seed: Option<String>,
    #[serde(default = "fast")]
    generator: Generator,
}

fn fast() -> Generator {
    Generator::Fast
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerateReport {
    /// False when the files were there already, perhaps made by another process while this one waited.
    generated: bool,
    took_ms: u64,
    #[serde(flatten)]
    files: SetReport,
}

struct Make<'a> {
    rng: ChaCha20Rng,
    path: &'a Path,
    generator: Generator,
    progress: &'a Progress,
}

impl CircuitUser for Make<'_> {
    type Output = Vec<u8>;
    fn run<C: Circuit<Scalar>>(mut self, make: impl Fn() -> C + Sync) -> Result<Vec<u8>> {
        match self.generator {
            Generator::Fast => generate::fast(make, &mut self.rng, self.path, self.progress),
            Generator::Stock => {
                self.progress.phase("library generator");
                generate::stock(make, &mut self.rng, self.path)
            }
        }
    }
}

fn seeded(seed: &str, name: &str) -> ChaCha20Rng {
    let mut hasher = Sha256::new();
    hasher.update(seed.as_bytes());
    hasher.update([0]);
    hasher.update(name.as_bytes());
    ChaCha20Rng::from_seed(hasher.finalize().into())
}

pub fn generate(request: GenerateRequest) -> Outcome<GenerateReport> {
    if request.sector_size > sets::MIB8 {
        return Err(Failure::argument(format!(
            "parameters of {} sectors are never made locally: they come from the trusted set-up of the network (`lotus fetch-params`)",
            sets::sector_size_name(request.sector_size)
        )));
    }
    let directory = request.directory.unwrap_or_else(parameter_cache_dir);
    let files = SetFiles::locate(request.set, request.sector_size, &directory)?;
    let started = Instant::now();
    let what = format!("{} {}", request.set.name(), sets::sector_size_name(request.sector_size));
    let progress = Progress::start(&what);
    let _lock = DirectoryLock::take(&files.params, &progress)?;
    let present = files::report(&files, false)?;
    if present.params.state == State::Ok {
        files.provide_vk()?;
        let took_ms = started.elapsed().as_millis() as u64;
        return Ok(GenerateReport { generated: false, took_ms, files: files::report(&files, false)? });
    }
    if present.vk.state == State::Ok && present.vk.origin == Some(Origin::Official) {
        return Err(Failure::argument(format!(
            "{} is the key of the official parameters: made ones would not fit it. Fetch the official parameters, or use another directory",
            files.vk.display()
        )));
    }
    let seed = request.seed.as_deref().unwrap_or(development::SEED);
    let part = files::temporary(&files.params);
    let made = request.set.with_circuit(
        request.sector_size,
        Make {
            rng: seeded(seed, &files::file_name(&files.params)),
            path: &part,
            generator: request.generator,
            progress: &progress,
        },
    );
    let finished = made.map_err(Failure::from).and_then(|vk| {
        // A file that does not read back is not worth a name.
        Layout::read(&part).map_err(|reason| Failure::new(Code::InvalidParameters, reason))?;
        fs::rename(&part, &files.params).map_err(|error| Failure::file("write", &files.params, error))?;
        files::write_atomically(&files.vk, &vk)?;
        files::write_atomically(&files.meta, format!("{{\"sector_size\":{}}}", request.sector_size).as_bytes())
    });
    if let Err(failure) = finished {
        let _ = fs::remove_file(&part);
        return Err(failure);
    }
    let took_ms = started.elapsed().as_millis() as u64;
    Ok(GenerateReport { generated: true, took_ms, files: files::report(&files, false)? })
}

/// Generations that run in this process now.
pub fn running() -> Vec<Snapshot> {
    progress::snapshots()
}

pub fn cancel() -> Outcome<()> {
    progress::cancel_all();
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SrsRequest {
    #[serde(default)]
    directory: Option<PathBuf>,
    /// Proofs that one aggregate may hold: a power of two. 1024 is enough for the chain's 819.
    #[serde(default = "aggregated")]
    proofs: usize,
    #[serde(default)]
    seed: Option<String>,
}

fn aggregated() -> usize {
    1024
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SrsReport {
    path: PathBuf,
    state: State,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SrsReportRequest {
    #[serde(default)]
    directory: Option<PathBuf>,
}

pub fn srs_report(request: SrsReportRequest) -> Outcome<SrsReport> {
    let path = files::srs_path(&request.directory.unwrap_or_else(parameter_cache_dir));
    let Ok(metadata) = fs::metadata(&path) else {
        return Ok(SrsReport { path, state: State::Missing, bytes: 0, digest: None, origin: None });
    };
    // The official one has a few hundred megabytes: only a small one is hashed on the way.
    let digest = if metadata.len() <= 16 << 20 { Some(files::digest(&path)?) } else { None };
    let origin = digest.as_deref().map(|digest| files::origin(&files::file_name(&path), digest));
    Ok(SrsReport { state: State::Ok, bytes: metadata.len(), digest, origin, path })
}

/// Makes a development SRS. Its secret is known to whoever knows the seed.
pub fn generate_srs(request: SrsRequest) -> Outcome<SrsReport> {
    if !request.proofs.is_power_of_two() || !(2..=8192).contains(&request.proofs) {
        return Err(Failure::argument(format!(
            "an SRS is for a power of two from 2 to 8192 proofs, not {}",
            request.proofs
        )));
    }
    let directory = request.directory.unwrap_or_else(parameter_cache_dir);
    let path = files::srs_path(&directory);
    let progress = Progress::start("srs");
    let _lock = DirectoryLock::take(&path, &progress)?;
    if !path.is_file() {
        let mut rng = seeded(request.seed.as_deref().unwrap_or(development::SEED), &files::file_name(&path));
        let srs = setup_fake_srs::<Bls12, _>(&mut rng, request.proofs);
        let mut bytes = Vec::new();
        srs.write(&mut bytes).map_err(|error| Failure::file("encode", &path, error))?;
        files::write_atomically(&path, &bytes)?;
    }
    srs_report(SrsReportRequest { directory: Some(directory) })
}

/// What `parameters.json` needs to list local files: names, digests and sector sizes.
#[derive(Serialize)]
pub struct ManifestEntry {
    name: String,
    cid: String,
    digest: String,
    sector_size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestRequest {
    sector_size: u64,
    sets: Vec<ParameterSet>,
    #[serde(default)]
    directory: Option<PathBuf>,
}

/// Hashes the files that are there.
pub fn manifest(request: ManifestRequest) -> Outcome<Vec<ManifestEntry>> {
    let directory = request.directory.unwrap_or_else(parameter_cache_dir);
    let mut entries = Vec::new();
    for set in request.sets {
        let files = SetFiles::locate(set, request.sector_size, &directory)?;
        for path in [files.params, files.vk] {
            if path.is_file() {
                let name = files::file_name(&path);
                let digest = files::digest(&path)?;
                entries.push(ManifestEntry { name, cid: String::new(), digest, sector_size: request.sector_size });
            }
        }
    }
    Ok(entries)
}
