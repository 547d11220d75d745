//! Pieces and the unsealed data of a sector.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use filecoin_proofs::constants::{DefaultBinaryTree, DefaultPieceHasher};
use filecoin_proofs::pieces::sum_piece_bytes_with_alignment;
use filecoin_proofs::{get_base_tree_leafs, get_base_tree_size, StoreConfig};
use filecoin_proofs_api::{seal, PaddedBytesAmount, RegisteredSealProof, RegisteredUpdateProof, UnpaddedBytesAmount};
use serde::{Deserialize, Serialize};
use storage_proofs_core::cache_key::CacheKey;
use storage_proofs_core::merkle::{create_base_merkle_tree, BinaryMerkleTree};

use crate::error::{Failure, Outcome};
use crate::files::{create_directory, create_if_absent, open, require_file, Padded};
use crate::values::{piece_infos, Hash32, Piece};

/// Where the bytes of a piece come from: a file or pipe, or nowhere (a piece of zeros).
fn source(data_path: Option<&Path>, size: u64) -> Outcome<Padded<Box<dyn Read>>> {
    let data: Box<dyn Read> = match data_path {
        Some(path) => {
            let file = open("piece", path)?;
            let length = file.metadata().map_err(|error| Failure::file("read the piece", path, error))?.len();
            if length > size {
                return Err(Failure::argument(format!("{} has {length} bytes, the piece only {size}", path.display())));
            }
            Box::new(file)
        }
        None => Box::new(io::empty()),
    };
    Ok(Padded::new(data, size))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddPiece {
    seal_proof: RegisteredSealProof,
    /// Payload, shorter than the piece or equal. Absent: a piece of zeros.
    #[serde(default)]
    data_path: Option<PathBuf>,
    /// Unpadded bytes of the piece.
    size: u64,
    staged_path: PathBuf,
    /// Unpadded sizes of the pieces that are in the staged file already.
    existing_piece_sizes: Vec<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedPiece {
    piece: Piece,
    /// Unpadded bytes, with the alignment before and after the piece.
    bytes_written: u64,
}

pub fn add_piece(request: AddPiece) -> Outcome<AddedPiece> {
    let mut source = source(request.data_path.as_deref(), request.size)?;
    let existing: Vec<_> = request.existing_piece_sizes.iter().copied().map(UnpaddedBytesAmount).collect();
    let end = u64::from(PaddedBytesAmount::from(sum_piece_bytes_with_alignment(&existing)));
    let mut staged = create_if_absent(&request.staged_path)?;
    let failed = |error| Failure::file("write", &request.staged_path, error);
    let length = staged.metadata().map_err(failed)?.len();
    if length < end {
        return Err(Failure::argument(format!(
            "the staged file {} has {length} bytes, but its pieces take {end}",
            request.staged_path.display()
        )));
    }
    // What is behind the known pieces was left by a process that was killed while it added one.
    staged.set_len(end).map_err(failed)?;
    staged.seek(SeekFrom::Start(end)).map_err(failed)?;
    let (info, written) =
        seal::add_piece(request.seal_proof, &mut source, staged, UnpaddedBytesAmount(request.size), &existing)?;
    source.finish()?;
    Ok(AddedPiece { piece: info.into(), bytes_written: written.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WritePiece {
    seal_proof: RegisteredSealProof,
    #[serde(default)]
    data_path: Option<PathBuf>,
    size: u64,
    staged_path: PathBuf,
}

/// One piece into a new file, without alignment.
pub fn write_and_preprocess(request: WritePiece) -> Outcome<AddedPiece> {
    let mut source = source(request.data_path.as_deref(), request.size)?;
    let staged = create_if_absent(&request.staged_path)?;
    staged.set_len(0).map_err(|error| Failure::file("write", &request.staged_path, error))?;
    let (info, written) =
        seal::write_and_preprocess(request.seal_proof, &mut source, staged, UnpaddedBytesAmount(request.size))?;
    source.finish()?;
    Ok(AddedPiece { piece: info.into(), bytes_written: written.into() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PieceCommitment {
    seal_proof: RegisteredSealProof,
    #[serde(default)]
    data_path: Option<PathBuf>,
    size: u64,
}

pub fn piece_commitment(request: PieceCommitment) -> Outcome<Piece> {
    let mut source = source(request.data_path.as_deref(), request.size)?;
    let info = seal::generate_piece_commitment(request.seal_proof, &mut source, UnpaddedBytesAmount(request.size))?;
    source.finish()?;
    Ok(info.into())
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
}

pub fn tree_d(request: TreeD) -> Outcome<CommD> {
    let sector_size = u64::from(request.seal_proof.sector_size());
    Ok(CommD { comm_d: Hash32(build_tree_d(sector_size, &request.staged_path, &request.cache_dir)?) })
}

pub fn tree_d_path(cache_dir: &Path) -> PathBuf {
    StoreConfig::data_path(cache_dir, &CacheKey::CommDTree.to_string())
}

/// The tree over the unsealed data. It is built aside and renamed: a later step takes any file of that name for a whole tree.
pub fn build_tree_d(sector_size: u64, staged_path: &Path, cache_dir: &Path) -> Outcome<[u8; 32]> {
    let length = require_file("staged file", staged_path)?;
    if length != sector_size {
        return Err(Failure::argument(format!(
            "the staged file {} has {length} bytes, a sector has {sector_size}",
            staged_path.display()
        )));
    }
    create_directory(cache_dir)?;
    let aside = cache_dir.join(format!(".tree-d-{}-{:?}", std::process::id(), std::thread::current().id()));
    let _ = fs::remove_dir_all(&aside);
    create_directory(&aside)?;
    let built = (|| -> anyhow::Result<[u8; 32]> {
        let file = OpenOptions::new().read(true).open(staged_path)?;
        // Safety: the staged file is written before this step and by nobody else.
        let data = unsafe { memmap2::Mmap::map(&file)? };
        let leaves = get_base_tree_leafs::<DefaultBinaryTree>(get_base_tree_size::<DefaultBinaryTree>(
            filecoin_proofs::SectorSize(sector_size),
        )?)?;
        let config = StoreConfig::new(&aside, CacheKey::CommDTree.to_string(), 0);
        let tree = create_base_merkle_tree::<BinaryMerkleTree<DefaultPieceHasher>>(Some(config), leaves, &data)?;
        let root: [u8; 32] = tree.root().into();
        drop(tree);
        fs::rename(tree_d_path(&aside), tree_d_path(cache_dir))?;
        Ok(root)
    })();
    let _ = fs::remove_dir_all(&aside);
    Ok(built?)
}

pub fn update_sector_size(proof: RegisteredUpdateProof) -> u64 {
    u64::from(proof.sector_size())
}
