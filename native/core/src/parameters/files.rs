//! The parameter files: where they are, whether they are whole, and how they get there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bellperson::groth16::VerifyingKey;
use blake2b_simd::Params as Blake2b;
use blstrs::Bls12;
use fs2::FileExt;
use serde::Serialize;
use storage_proofs_core::parameter_cache::{
    get_parameter_data_from_id, get_srs_parameter_data_from_id, metadata_id, parameter_id, verifying_key_id,
    SRS_KEY_EXT, SRS_SHARED_KEY_NAME, VERSION,
};

use super::development;
use super::generate::vk_bytes;
use super::progress::Progress;
use super::sets::ParameterSet;
use crate::error::{Code, Failure, Outcome};

/// The three files of a set in one directory.
pub struct SetFiles {
    pub set: ParameterSet,
    pub sector_size: u64,
    pub params: PathBuf,
    pub vk: PathBuf,
    pub meta: PathBuf,
}

impl SetFiles {
    pub fn locate(set: ParameterSet, sector_size: u64, directory: &Path) -> Outcome<Self> {
        let id = set.identifier(sector_size).map_err(|error| Failure::argument(error.to_string()))?;
        Ok(SetFiles {
            set,
            sector_size,
            params: directory.join(parameter_id(&id)),
            vk: directory.join(verifying_key_id(&id)),
            meta: directory.join(metadata_id(&id)),
        })
    }

    /// A verifying key is enough to verify. When it is absent, it is taken from the parameters or, for the development size, from those
    /// that came with this program.
    pub fn provide_vk(&self) -> Outcome<()> {
        if self.vk.is_file() {
            return Ok(());
        }
        if let Ok(layout) = Layout::read(&self.params) {
            return write_atomically(&self.vk, &layout.vk);
        }
        if let Some(bytes) = development::verifying_key(&file_name(&self.vk)) {
            return write_atomically(&self.vk, bytes);
        }
        Err(Failure::new(
            Code::ParametersMissing,
            format!(
                "no verifying key {} ({} proofs of {} sectors): fetch the parameters of that size first",
                self.vk.display(),
                self.set.name(),
                super::sets::sector_size_name(self.sector_size)
            ),
        ))
    }

    /// Parameters are needed to prove: present and whole, else an error that says what to do.
    pub fn require_params(&self) -> Outcome<()> {
        if !self.params.is_file() {
            let size = super::sets::sector_size_name(self.sector_size);
            let how = if self.sector_size > super::sets::MIB8 {
                format!("fetch them with `lotus fetch-params {size}` or from another machine")
            } else {
                format!("make development ones with `sealyard params generate --size {size} --set {}`", self.set.name())
            };
            return Err(Failure::new(
                Code::ParametersMissing,
                format!(
                    "no parameters {} for {} proofs of {size} sectors: {how}",
                    self.params.display(),
                    self.set.name()
                ),
            ));
        }
        Layout::read(&self.params).map_err(|reason| {
            Failure::new(
                Code::InvalidParameters,
                format!(
                    "the parameter file {} is damaged ({reason}): remove it and get it again",
                    self.params.display()
                ),
            )
        })?;
        self.provide_vk()
    }
}

pub fn srs_path(directory: &Path) -> PathBuf {
    directory.join(format!("v{VERSION}-{SRS_SHARED_KEY_NAME}.{SRS_KEY_EXT}"))
}

pub fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The shape of a parameter file, read from its counts: no more than a few kilobytes are touched.
pub struct Layout {
    pub vk: Vec<u8>,
}

impl Layout {
    /// Reads the counts and checks that the sizes add up to the file's and that the ends of each section are points of the curve.
    pub fn read(path: &Path) -> Result<Self, String> {
        let reason = |error: io::Error| error.to_string();
        let mut file = File::open(path).map_err(reason)?;
        let length = file.metadata().map_err(reason)?.len();
        let mut read = |offset: u64, bytes: usize| -> Result<Vec<u8>, String> {
            if offset + bytes as u64 > length {
                return Err(format!("it ends after {length} bytes"));
            }
            let mut buffer = vec![0u8; bytes];
            file.seek(SeekFrom::Start(offset)).map_err(reason)?;
            file.read_exact(&mut buffer).map_err(reason)?;
            Ok(buffer)
        };
        let inputs = big_endian(&read(vk_bytes(0) - 4, 4)?);
        if inputs > 1 << 16 {
            return Err("it does not begin with a verifying key".into());
        }
        let vk = read(0, vk_bytes(inputs as usize) as usize)?;
        let mut offset = vk.len() as u64;
        // H, L, A, B in G1, B in G2.
        for each in [96u64, 96, 96, 96, 192] {
            let count = big_endian(&read(offset, 4)?);
            offset += 4;
            let end = offset + u64::from(count) * each;
            if end > length {
                return Err(format!("it has {length} bytes, but at least {end} are expected"));
            }
            for at in [offset, end.saturating_sub(each)] {
                if count > 0 && !on_curve(&read(at, each as usize)?) {
                    return Err(format!("no curve point at offset {at}"));
                }
            }
            offset = end;
        }
        if offset != length {
            return Err(format!("it has {length} bytes, but {offset} are expected"));
        }
        Ok(Layout { vk })
    }
}

fn big_endian(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| (value << 8) | u32::from(*byte))
}

fn on_curve(bytes: &[u8]) -> bool {
    // Safety: blst reads 96 or 192 bytes, which the length tells.
    unsafe {
        if bytes.len() == 96 {
            let mut point = blst::blst_p1_affine::default();
            blst::blst_p1_deserialize(&mut point, bytes.as_ptr()) == blst::BLST_ERROR::BLST_SUCCESS
        } else {
            let mut point = blst::blst_p2_affine::default();
            blst::blst_p2_deserialize(&mut point, bytes.as_ptr()) == blst::BLST_ERROR::BLST_SUCCESS
        }
    }
}

/// First 16 bytes of BLAKE2b-512, as `parameters.json` has them.
pub fn digest(path: &Path) -> Outcome<String> {
    let failed = |error| Failure::file("read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut state = Blake2b::new().to_state();
    io::copy(&mut file, &mut state).map_err(failed)?;
    Ok(state.finalize().to_hex()[..32].to_string())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// From the trusted set-up of the network.
    Official,
    /// From the published development seed.
    Development,
    /// Something else: proofs verify only with the same key.
    Unknown,
}

pub fn origin(name: &str, digest: &str) -> Origin {
    let official = get_parameter_data_from_id(name).or_else(|| get_srs_parameter_data_from_id(name));
    if official.is_some_and(|known| known.digest == digest) {
        Origin::Official
    } else if development::digest(name).as_deref() == Some(digest) {
        Origin::Development
    } else {
        Origin::Unknown
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    Missing,
    Damaged,
}

/// One file as it is on disk.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileReport {
    pub path: PathBuf,
    pub state: State,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only for verifying keys, and for parameters when their digest was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Content id under which the network publishes the official file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub official_cid: Option<String>,
}

impl FileReport {
    fn of(path: &Path, check: impl FnOnce() -> Result<(), String>) -> Self {
        let official_cid = get_parameter_data_from_id(&file_name(path)).map(|known| known.cid.clone());
        let (state, bytes, reason) = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (State::Missing, 0, None),
            Err(error) => (State::Damaged, 0, Some(error.to_string())),
            Ok(metadata) => match check() {
                Ok(()) => (State::Ok, metadata.len(), None),
                Err(reason) => (State::Damaged, metadata.len(), Some(reason)),
            },
        };
        FileReport { path: path.to_path_buf(), state, bytes, reason, digest: None, origin: None, official_cid }
    }

    fn with_digest(mut self) -> Outcome<Self> {
        if self.state != State::Missing {
            let digest = digest(&self.path)?;
            self.origin = Some(origin(&file_name(&self.path), &digest));
            self.digest = Some(digest);
        }
        Ok(self)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetReport {
    pub set: ParameterSet,
    pub sector_size: u64,
    pub params: FileReport,
    pub vk: FileReport,
}

/// What is there. `with_digest` hashes the big files too (a second or so a gigabyte).
pub fn report(files: &SetFiles, with_digest: bool) -> Outcome<SetReport> {
    let mut header = None;
    let mut params = FileReport::of(&files.params, || {
        header = Some(Layout::read(&files.params)?);
        Ok(())
    });
    let vk_content = fs::read(&files.vk).unwrap_or_default();
    let vk = FileReport::of(&files.vk, || {
        VerifyingKey::<Bls12>::read(&vk_content[..]).map_err(|error| error.to_string())?;
        match &header {
            Some(header) if header.vk != vk_content => {
                Err("it is not the key of the parameter file beside it: proofs made here would not verify here".into())
            }
            _ => Ok(()),
        }
    })
    .with_digest()?;
    if with_digest {
        params = params.with_digest()?;
        if params.state == State::Ok && params.origin == Some(Origin::Unknown) && vk.origin != Some(Origin::Unknown) {
            params.state = State::Damaged;
            params.reason =
                Some("its digest is not the one of the parameters that its verifying key belongs to".into());
        }
    } else if params.state == State::Ok && vk.state == State::Ok {
        params.origin = vk.origin;
    }
    Ok(SetReport { set: files.set, sector_size: files.sector_size, params, vk })
}

const POLL: Duration = Duration::from_millis(100);

/// Two programs that need the same files: one makes them, the other waits. The kernel frees the lock of a killed process.
pub struct DirectoryLock(#[allow(dead_code)] File);

impl DirectoryLock {
    pub fn take(target: &Path, progress: &Progress) -> Outcome<Self> {
        let directory = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(|error| Failure::file("create", directory, error))?;
        let path = directory.join(format!(".{}.lock", file_name(target)));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| Failure::file("open", &path, error))?;
        while let Err(error) = file.try_lock_exclusive() {
            if error.kind() != fs2::lock_contended_error().kind() {
                return Err(Failure::file("lock", &path, error));
            }
            progress.proceed().map_err(|error| Failure::file("wait for", &path, error))?;
            std::thread::sleep(POLL);
        }
        // Under the lock nobody writes: what is left of temporary files came from a process that was killed.
        let stale = format!(".{}.part-", file_name(target));
        for entry in fs::read_dir(directory).map_err(|error| Failure::file("list", directory, error))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&stale) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(DirectoryLock(file))
    }
}

/// A name beside the target that nobody else uses.
pub fn temporary(target: &Path) -> PathBuf {
    let unique = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|at| at.as_nanos()).unwrap_or_default();
    target.with_file_name(format!(".{}.part-{}-{unique}", file_name(target), std::process::id()))
}

/// Whole or not at all, also after a power cut.
pub fn write_atomically(target: &Path, content: &[u8]) -> Outcome<()> {
    let directory = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(|error| Failure::file("create", directory, error))?;
    let part = temporary(target);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&part, target)).map_err(|error| {
        let _ = fs::remove_file(&part);
        Failure::file("write", target, error)
    })
}
