//! Padding, hashing and writing of a piece on all cores of the thread pool, in chunks that each make one node of the piece's tree.
//!
//! A file is read and written by the threads themselves at the chunks' places. What can only be read in order (a pipe) is read a window ahead.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::binary_tree::{root, zero_nodes, Node, NODE};
use super::fr32::{pad, PADDED_BLOCK, UNPADDED_BLOCK};
use crate::error::{Failure, Outcome};
use crate::files::open;
use crate::running::Running;

/// Bytes of a padded chunk; with its unpadded form this is what a thread holds.
const CHUNK: u64 = 1 << 20;

/// Chunks of a window, of which two are in memory.
const MOST_WINDOW_CHUNKS: usize = 32;

/// The payload of a piece; zeros follow it.
pub enum Payload {
    Zeros,
    File { file: File, path: PathBuf, bytes: u64 },
    Stream { source: Box<dyn Read + Send>, path: PathBuf },
}

impl Payload {
    /// A file or pipe with no more than `size` bytes, or nothing. `limit`: what lies behind so many bytes of a file is not part of the piece.
    pub fn open(data_path: Option<&Path>, limit: Option<u64>, size: u64) -> Outcome<Self> {
        let Some(path) = data_path else { return Ok(Payload::Zeros) };
        let file = open("piece", path)?;
        let metadata = file.metadata().map_err(|error| Failure::file("read the piece", path, error))?;
        let path = path.to_path_buf();
        if !metadata.is_file() {
            return Ok(Payload::Stream { source: Box::new(file), path });
        }
        let bytes = limit.unwrap_or(metadata.len());
        if bytes > size {
            return Err(Failure::argument(format!("{} has {bytes} bytes, the piece only {size}", path.display())));
        }
        if bytes > metadata.len() {
            return Err(Failure::argument(format!(
                "{} has {} bytes, {bytes} are wanted",
                path.display(),
                metadata.len()
            )));
        }
        Ok(Payload::File { file, path, bytes })
    }
}

/// Where the padded bytes go.
pub struct Target<'a> {
    pub file: &'a File,
    pub path: &'a Path,
    pub offset: u64,
}

impl Target<'_> {
    fn write(&self, bytes: &[u8], at: u64) -> Outcome<()> {
        self.file.write_all_at(bytes, self.offset + at).map_err(|error| Failure::file("write", self.path, error))
    }
}

/// How a piece is cut up.
struct Cut {
    /// Unpadded bytes of the piece.
    size: u64,
    /// Padded bytes of a chunk, a power of two.
    chunk: u64,
    chunks: usize,
}

impl Cut {
    fn new(size: u64) -> Outcome<Self> {
        let padded = size / UNPADDED_BLOCK as u64 * PADDED_BLOCK as u64;
        if !size.is_multiple_of(UNPADDED_BLOCK as u64) || !padded.is_power_of_two() {
            return Err(Failure::argument(format!("a piece has 127 * 2^n bytes, not {size}")));
        }
        let chunk = padded.min(CHUNK);
        Ok(Cut { size, chunk, chunks: (padded / chunk) as usize })
    }

    fn unpadded_chunk(&self) -> u64 {
        self.chunk / PADDED_BLOCK as u64 * UNPADDED_BLOCK as u64
    }
}

/// Buffers of a thread.
struct Buffers {
    unpadded: Vec<u8>,
    padded: Vec<u8>,
}

impl Buffers {
    fn new(cut: &Cut) -> Self {
        Buffers { unpadded: vec![0; cut.unpadded_chunk() as usize], padded: vec![0; cut.chunk as usize] }
    }
}

/// Commitment of the piece; its padded bytes go to the target, where zeros behind the payload are left as a hole. The file behind the
/// target must end at its offset.
pub fn stage(payload: Payload, size: u64, target: Option<Target>, running: Option<&Running>) -> Outcome<Node> {
    let cut = Cut::new(size)?;
    if let Some(Target { file, path, offset }) = &target {
        let end = offset + cut.chunk * cut.chunks as u64;
        file.set_len(end).map_err(|error| Failure::file("resize", path, error))?;
    }
    let zeros = zero_nodes()[(cut.chunk / NODE as u64).trailing_zeros() as usize];
    let advance = || running.iter().for_each(|running| running.advance(cut.chunk));
    let finish = |padded: &mut [u8], index: usize| -> Outcome<Node> {
        if let Some(target) = &target {
            target.write(padded, index as u64 * cut.chunk)?;
        }
        advance();
        Ok(root(padded))
    };
    let nodes = match payload {
        Payload::Zeros => vec![zeros; cut.chunks],
        Payload::File { file, path, bytes } => (0..cut.chunks)
            .into_par_iter()
            .map_init(
                || Buffers::new(&cut),
                |Buffers { unpadded, padded }, index| {
                    let at = index as u64 * cut.unpadded_chunk();
                    if at >= bytes {
                        advance();
                        return Ok(zeros);
                    }
                    let length = cut.unpadded_chunk().min(bytes - at) as usize;
                    file.read_exact_at(&mut unpadded[..length], at)
                        .map_err(|error| Failure::file("read the piece", &path, error))?;
                    unpadded[length..].fill(0);
                    pad(unpadded, padded);
                    finish(padded, index)
                },
            )
            .collect::<Outcome<Vec<Node>>>()?,
        Payload::Stream { source, path } => {
            let failed = |error| Failure::file("read the piece", &path, error);
            let mut stream = Stream { source, left: cut.size, ended: false };
            let mut nodes = Vec::with_capacity(cut.chunks);
            let mut window = stream.window(&cut).map_err(failed)?;
            while nodes.len() < cut.chunks {
                let first = nodes.len();
                if window.is_empty() {
                    nodes.resize(cut.chunks, zeros);
                    break;
                }
                let (made, next) = rayon::join(
                    || {
                        window
                            .par_chunks(cut.unpadded_chunk() as usize)
                            .enumerate()
                            .map_init(
                                || vec![0; cut.chunk as usize],
                                |padded, (index, unpadded)| {
                                    pad(unpadded, padded);
                                    finish(padded, first + index)
                                },
                            )
                            .collect::<Outcome<Vec<Node>>>()
                    },
                    || stream.window(&cut),
                );
                nodes.extend(made?);
                window = next.map_err(failed)?;
            }
            stream.finish().map_err(failed)?;
            nodes
        }
    };
    Ok(root(&mut nodes.concat()))
}

struct Stream {
    source: Box<dyn Read + Send>,
    left: u64,
    ended: bool,
}

impl Stream {
    /// Whole chunks, the last one filled up with zeros; none when the source has ended.
    fn window(&mut self, cut: &Cut) -> io::Result<Vec<u8>> {
        let chunk = cut.unpadded_chunk();
        let chunks = (2 * rayon::current_num_threads()).min(MOST_WINDOW_CHUNKS) as u64;
        let wanted = self.left.min(chunks * chunk);
        let mut window = Vec::new();
        if !self.ended {
            self.source.by_ref().take(wanted).read_to_end(&mut window)?;
        }
        self.ended |= (window.len() as u64) < wanted;
        self.left -= window.len() as u64;
        window.resize(window.len().next_multiple_of(chunk as usize), 0);
        Ok(window)
    }

    /// The length of a pipe is not known before: was that all?
    fn finish(mut self) -> io::Result<()> {
        if !self.ended && self.source.read(&mut [0u8; 1])? > 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the data is longer than the piece"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use filecoin_proofs::{add_piece, generate_piece_commitment, UnpaddedBytesAmount};
    use std::io::Cursor;

    fn bytes(length: u64) -> Vec<u8> {
        (0..length).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 7) as u8).collect()
    }

    fn stream(data: &[u8]) -> Payload {
        Payload::Stream { source: Box::new(Cursor::new(data.to_vec())), path: "pipe".into() }
    }

    /// A payload shorter than the piece, from a file and from a stream, beside the library's own functions.
    fn same_as_the_library(padded: u64) {
        let size = padded / 128 * 127;
        let mut data = bytes(size - size / 3);
        let directory = std::env::temp_dir().join(format!("sealyard-staging-{}-{padded}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let path = directory.join("piece");
        std::fs::write(&path, [data.as_slice(), b"not part of it"].concat()).expect("a file");
        let staged = directory.join("staged");
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&staged).expect("a file");
        let target = || Some(Target { file: &file, path: &staged, offset: 0 });

        let payload = Payload::open(Some(&path), Some(data.len() as u64), size).expect("a payload");
        let from_file = stage(payload, size, target(), None).expect("staged");
        let written = std::fs::read(&staged).expect("a file");
        let from_stream = stage(stream(&data), size, target(), None).expect("staged");
        assert!(std::fs::read(&staged).expect("a file") == written);
        assert_eq!(from_stream, from_file);

        data.resize(size as usize, 0);
        let mut theirs = Vec::new();
        let (info, _) = add_piece(data.as_slice(), &mut theirs, UnpaddedBytesAmount(size), &[]).expect("added");
        assert_eq!(from_file, info.commitment);
        assert!(written == theirs);
        let alone = generate_piece_commitment(data.as_slice(), UnpaddedBytesAmount(size)).expect("a commitment");
        assert_eq!(stage(stream(&data), size, None, None).expect("hashed"), alone.commitment);
        let zeros = generate_piece_commitment(io::repeat(0).take(size), UnpaddedBytesAmount(size)).expect("zeros");
        assert_eq!(stage(Payload::Zeros, size, None, None).expect("zeros"), zeros.commitment);
        std::fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn pieces_smaller_than_a_chunk_and_of_many_windows_are_as_the_library_makes_them() {
        for padded in [128, 2 << 10, CHUNK, 2 * CHUNK, 16 * CHUNK] {
            same_as_the_library(padded);
        }
    }

    #[test]
    fn a_stream_that_is_too_long_and_a_size_that_cannot_be_are_refused() {
        assert!(stage(stream(&bytes(128)), 127, None, None).is_err());
        assert!(stage(stream(&bytes(100)), 127, None, None).is_ok());
        assert!(stage(Payload::Zeros, 3 * 127, None, None).is_err());
        assert!(stage(Payload::Zeros, 100, None, None).is_err());
    }
}
