//! Pieces and the unsealed data of a sector.

mod binary_tree;
pub mod fr32;
mod staging;
mod tree_d;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use filecoin_proofs::pieces::{get_piece_alignment, sum_piece_bytes_with_alignment};
use filecoin_proofs_api::{seal, PaddedBytesAmount, RegisteredSealProof, UnpaddedBytesAmount};
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Outcome};
use crate::files::create_if_absent;
use crate::running::Running;
use crate::values::{piece_infos, Hash32, Piece};
use staging::{stage, Payload, Target};
use tree_d::build_tree_d_by_library;
pub use tree_d::{build_tree_d, tree_d_path};

/// Who computes: ours, or the library's single-threaded functions, which the benchmark and the tests compare it with.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Generator {
    #[default]
    Fast,
    Stock,
}

/// The payload and the zeros behind it, for the library's functions.
fn stock_source(data_path: Option<&Path>, data_bytes: Option<u64>, size: u64) -> Outcome<Box<dyn Read>> {
    Ok(match Payload::open(data_path, data_bytes, size)? {
        Payload::Zeros => Box::new(io::repeat(0).take(size)),
        Payload::File { file, bytes, .. } => Box::new(file.take(bytes).chain(io::repeat(0)).take(size)),
        Payload::Stream { source, .. } => Box::new(source.chain(io::repeat(0)).take(size)),
    })
}

fn piece(commitment: [u8; 32], size: u64) -> Piece {
    Piece { commitment: Hash32(commitment), size }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddPiece {
    seal_proof: RegisteredSealProof,
    /// Payload, shorter than the piece or equal. Absent: a piece of zeros.
    #[serde(default)]
    data_path: Option<PathBuf>,
    /// Bytes of the payload, when the file has more.
    #[serde(default)]
    data_bytes: Option<u64>,
    /// Unpadded bytes of the piece.
    size: u64,
    staged_path: PathBuf,
    /// Unpadded sizes of the pieces that are in the staged file already.
    existing_piece_sizes: Vec<u64>,
    #[serde(default)]
    generator: Generator,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedPiece {
    piece: Piece,
    /// Unpadded bytes, with the alignment before and after the piece.
    bytes_written: u64,
}

pub fn add_piece(request: AddPiece) -> Outcome<AddedPiece> {
    let AddPiece { seal_proof, data_path, data_bytes, size, staged_path, existing_piece_sizes, generator } = request;
    let existing: Vec<_> = existing_piece_sizes.into_iter().map(UnpaddedBytesAmount).collect();
    let end = u64::from(PaddedBytesAmount::from(sum_piece_bytes_with_alignment(&existing)));
    let sector_size = u64::from(seal_proof.sector_size());
    let mut staged = create_if_absent(&staged_path)?;
    let failed = |error| Failure::file("write", &staged_path, error);
    let length = staged.metadata().map_err(failed)?.len();
    if length < end {
        return Err(Failure::argument(format!(
            "the staged file {} has {length} bytes, but its pieces take {end}",
            staged_path.display()
        )));
    }
    // What is behind the known pieces was left by a process that was killed while it added one.
    staged.set_len(end).map_err(failed)?;
    if generator == Generator::Stock {
        staged.seek(SeekFrom::Start(end)).map_err(failed)?;
        let source = stock_source(data_path.as_deref(), data_bytes, size)?;
        let (info, written) = seal::add_piece(seal_proof, source, staged, UnpaddedBytesAmount(size), &existing)?;
        return Ok(AddedPiece { piece: info.into(), bytes_written: written.into() });
    }
    let payload = Payload::open(data_path.as_deref(), data_bytes, size)?;
    let before = get_piece_alignment(sum_piece_bytes_with_alignment(&existing), UnpaddedBytesAmount(size)).left_bytes;
    let offset = end + u64::from(PaddedBytesAmount::from(before));
    if offset + size / 127 * 128 > sector_size {
        return Err(Failure::argument(format!(
            "a piece of {size} bytes does not fit: it would begin at {offset} of the {sector_size} bytes of the sector"
        )));
    }
    write_piece(payload, size, &staged, &staged_path, offset)
        .map(|piece| AddedPiece { piece, bytes_written: u64::from(before) + size })
}

fn write_piece(payload: Payload, size: u64, staged: &File, staged_path: &Path, offset: u64) -> Outcome<Piece> {
    let running = Running::start(staged_path, size / 127 * 128);
    let target = Target { file: staged, path: staged_path, offset };
    Ok(piece(stage(payload, size, Some(target), Some(&running))?, size))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WritePiece {
    #[serde(rename = "sealProof")]
    _seal_proof: RegisteredSealProof,
    #[serde(default)]
    data_path: Option<PathBuf>,
    size: u64,
    staged_path: PathBuf,
}

/// One piece into a new file, without alignment.
pub fn write_and_preprocess(request: WritePiece) -> Outcome<AddedPiece> {
    let payload = Payload::open(request.data_path.as_deref(), None, request.size)?;
    let staged = create_if_absent(&request.staged_path)?;
    staged.set_len(0).map_err(|error| Failure::file("write", &request.staged_path, error))?;
    let piece = write_piece(payload, request.size, &staged, &request.staged_path, 0)?;
    Ok(AddedPiece { piece, bytes_written: request.size })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PieceCommitment {
    seal_proof: RegisteredSealProof,
    #[serde(default)]
    data_path: Option<PathBuf>,
    size: u64,
    #[serde(default)]
    generator: Generator,
}

pub fn piece_commitment(request: PieceCommitment) -> Outcome<Piece> {
    let PieceCommitment { seal_proof, data_path, size, generator } = request;
    if generator == Generator::Stock {
        let source = BufReader::new(stock_source(data_path.as_deref(), None, size)?);
        return Ok(seal::generate_piece_commitment(seal_proof, source, UnpaddedBytesAmount(size))?.into());
    }
    let payload = Payload::open(data_path.as_deref(), None, size)?;
    Ok(piece(stage(payload, size, None, None)?, size))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnsealedCommitment {
    seal_proof: RegisteredSealProof,
    pieces: Vec<Piece>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommD {
    comm_d: Hash32,
}

pub fn unsealed_commitment(request: UnsealedCommitment) -> Outcome<CommD> {
    if request.pieces.is_empty() {
        return Err(Failure::argument(
            "a sector has at least one piece (a committed-capacity sector has one of zeros)",
        ));
    }
    let comm_d = seal::compute_comm_d(request.seal_proof, &piece_infos(&request.pieces)?)?;
    Ok(CommD { comm_d: Hash32(comm_d) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TreeD {
    seal_proof: RegisteredSealProof,
    staged_path: PathBuf,
    cache_dir: PathBuf,
    #[serde(default)]
    generator: Generator,
}

pub fn tree_d(request: TreeD) -> Outcome<CommD> {
    let sector_size = u64::from(request.seal_proof.sector_size());
    let build = if request.generator == Generator::Stock { build_tree_d_by_library } else { build_tree_d };
    Ok(CommD { comm_d: Hash32(build(sector_size, &request.staged_path, &request.cache_dir)?) })
}
