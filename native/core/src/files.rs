//! Files are looked at before the library does: its errors rarely name the path.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
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

/// The payload, then zeros up to the size of the piece.
pub struct Padded<R> {
    source: R,
    left: u64,
    ended: bool,
}

impl<R: Read> Padded<R> {
    pub fn new(source: R, bytes: u64) -> Self {
        Padded { source, left: bytes, ended: false }
    }

    /// To be asked after the piece was read: was that all? The length of a pipe is not known before.
    pub fn finish(mut self) -> Outcome<()> {
        let more = !self.ended && self.source.read(&mut [0u8; 1]).is_ok_and(|bytes| bytes > 0);
        if more {
            return Err(Failure::argument("the data is longer than the piece"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Padded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let mut got = if self.ended { 0 } else { self.source.read(&mut buffer[..room])? };
        if got == 0 && room > 0 {
            self.ended = true;
            buffer[..room].fill(0);
            got = room;
        }
        self.left -= got as u64;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_data_is_filled_with_zeros_and_long_data_refused() {
        let read = |data: &[u8], size: u64| {
            let mut out = Vec::new();
            let mut padded = Padded::new(data, size);
            padded.read_to_end(&mut out).expect("a slice can be read");
            (out, padded.finish().is_ok())
        };
        assert_eq!(read(&[1, 2, 3], 5), (vec![1, 2, 3, 0, 0], true));
        assert_eq!(read(&[1, 2, 3], 3), (vec![1, 2, 3], true));
        assert_eq!(read(&[1, 2, 3], 2), (vec![1, 2], false));
    }
}
