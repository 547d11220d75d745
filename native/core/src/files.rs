//! Files are looked at before the library does: its errors rarely name the path.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use crate::error::{Code, Failure, Outcome};

pub fn require_file(what: &str, path: &Path) -> Outcome<u64> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
        Ok(_) => Err(Failure::new(Code::Io, format!("the {what} {} is not a file", path.display()))),
        Err(error) => Err(Failure::file(&format!("read the {what}"), path, error)),
    }
}

pub fn require_directory(what: &str, path: &Path) -> Outcome<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(Failure::new(Code::Io, format!("the {what} {} is not a directory", path.display()))),
        Err(error) => Err(Failure::file(&format!("read the {what}"), path, error)),
    }
}

pub fn create_directory(path: &Path) -> Outcome<()> {
    fs::create_dir_all(path).map_err(|error| Failure::file("create", path, error))
}

pub fn open(what: &str, path: &Path) -> Outcome<File> {
    File::open(path).map_err(|error| Failure::file(&format!("read the {what}"), path, error))
}

/// A file that the library expects to be there already, with at least its directory.
pub fn create_if_absent(path: &Path) -> Outcome<File> {
    if let Some(parent) = path.parent() {
        create_directory(parent)?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| Failure::file("create", path, error))
}

/// A file of exactly this size, which the library maps and fills.
pub fn create_sized(path: &Path, bytes: u64) -> Outcome<()> {
    create_if_absent(path)?.set_len(bytes).map_err(|error| Failure::file("resize", path, error))
}
