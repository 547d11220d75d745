//! Replica updates (snap-up): new data into a sealed sector, and the proof of it.

use std::path::PathBuf;

use filecoin_proofs::EmptySectorUpdateProof;
use filecoin_proofs_api::{update, PartitionProofBytes, RegisteredUpdateProof};
use serde::{Deserialize, Serialize};

use crate::error::Outcome;
use crate::files::{create_directory, create_sized, require_directory, require_file};
use crate::parameters::{require_params, require_vk, ParameterSet};
use crate::pieces::{build_tree_d, tree_d_path};
use crate::seal::{well_formed, ProofOutput};
use crate::values::{piece_infos, Bytes, Hash32, Piece};

fn update_sector_size(proof: RegisteredUpdateProof) -> u64 {
    u64::from(proof.sector_size())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Encode {
    update_proof: RegisteredUpdateProof,
    replica_path: PathBuf,
    replica_cache_dir: PathBuf,
    key_path: PathBuf,
    key_cache_dir: PathBuf,
    staged_path: PathBuf,
    pieces: Vec<Piece>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Encoded {
    comm_r_new: Hash32,
    comm_r_last_new: Hash32,
    comm_d_new: Hash32,
}

/// The new replica and its cache directory are made when absent; so is the tree over the new data.
pub fn encode(request: Encode) -> Outcome<Encoded> {
    let sector_size = update_sector_size(request.update_proof);
    let pieces = piece_infos(&request.pieces)?;
    require_file("sector key", &request.key_path)?;
    require_file("auxiliary data of the sector key", &request.key_cache_dir.join("p_aux"))?;
    require_file("staged file", &request.staged_path)?;
    create_directory(&request.replica_cache_dir)?;
    if !tree_d_path(&request.replica_cache_dir).is_file() {
        build_tree_d(sector_size, &request.staged_path, &request.replica_cache_dir)?;
    }
    create_sized(&request.replica_path, sector_size)?;
    let encoded = update::empty_sector_update_encode_into(
        request.update_proof,
        &request.replica_path,
        &request.replica_cache_dir,
        &request.key_path,
        &request.key_cache_dir,
        &request.staged_path,
        &pieces,
    )?;
    Ok(Encoded {
        comm_r_new: Hash32(encoded.comm_r_new),
        comm_r_last_new: Hash32(encoded.comm_r_last_new),
        comm_d_new: Hash32(encoded.comm_d_new),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decode {
    update_proof: RegisteredUpdateProof,
    output_path: PathBuf,
    replica_path: PathBuf,
    key_path: PathBuf,
    key_cache_dir: PathBuf,
    comm_d_new: Hash32,
}

/// The padded data of an updated replica, into a file of the sector's size.
pub fn decode(request: Decode) -> Outcome<()> {
    require_file("replica", &request.replica_path)?;
    require_file("sector key", &request.key_path)?;
    require_file("auxiliary data of the sector key", &request.key_cache_dir.join("p_aux"))?;
    create_sized(&request.output_path, update_sector_size(request.update_proof))?;
    Ok(update::empty_sector_update_decode_from(
        request.update_proof,
        &request.output_path,
        &request.replica_path,
        &request.key_path,
        &request.key_cache_dir,
        request.comm_d_new.0,
    )?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replica {
    update_proof: RegisteredUpdateProof,
    comm_r_old: Hash32,
    comm_r_new: Hash32,
    comm_d_new: Hash32,
    key_path: PathBuf,
    key_cache_dir: PathBuf,
    replica_path: PathBuf,
    replica_cache_dir: PathBuf,
}

impl Replica {
    fn require_files(&self) -> Outcome<()> {
        require_file("sector key", &self.key_path)?;
        require_file("auxiliary data of the sector key", &self.key_cache_dir.join("p_aux"))?;
        require_file("replica", &self.replica_path)?;
        require_directory("cache directory of the replica", &self.replica_cache_dir)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VanillaProofs {
    vanilla_proofs: Vec<Bytes>,
}

/// One vanilla proof a partition.
pub fn partition_proofs(request: Replica) -> Outcome<VanillaProofs> {
    request.require_files()?;
    let proofs = update::generate_partition_proofs(
        request.update_proof,
        request.comm_r_old.0,
        request.comm_r_new.0,
        request.comm_d_new.0,
        &request.key_path,
        &request.key_cache_dir,
        &request.replica_path,
        &request.replica_cache_dir,
    )?;
    Ok(VanillaProofs { vanilla_proofs: proofs.into_iter().map(|proof| Bytes(proof.0)).collect() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vanilla {
    update_proof: RegisteredUpdateProof,
    vanilla_proofs: Vec<Bytes>,
    comm_r_old: Hash32,
    comm_r_new: Hash32,
    comm_d_new: Hash32,
}

fn partition_bytes(proofs: Vec<Bytes>) -> Vec<PartitionProofBytes> {
    proofs.into_iter().map(|proof| PartitionProofBytes(proof.0)).collect()
}

/// Bytes that are no vanilla proof, or too few of them, are as false as a wrong proof.
pub fn verify_partition_proofs(request: Vanilla) -> Outcome<bool> {
    if request.vanilla_proofs.len() != usize::from(request.update_proof.partitions()) {
        return Ok(false);
    }
    let verified = update::verify_partition_proofs(
        request.update_proof,
        &partition_bytes(request.vanilla_proofs),
        request.comm_r_old.0,
        request.comm_r_new.0,
        request.comm_d_new.0,
    );
    match verified {
        Err(error) if error.downcast_ref::<bincode::Error>().is_some() => Ok(false),
        other => Ok(other?),
    }
}

pub fn prove_with_vanilla(request: Vanilla) -> Outcome<ProofOutput> {
    require_params(ParameterSet::Update, update_sector_size(request.update_proof))?;
    let EmptySectorUpdateProof(proof) = update::generate_empty_sector_update_proof_with_vanilla(
        request.update_proof,
        partition_bytes(request.vanilla_proofs),
        request.comm_r_old.0,
        request.comm_r_new.0,
        request.comm_d_new.0,
    )?;
    Ok(ProofOutput { proof: Bytes(proof) })
}

pub fn prove(request: Replica) -> Outcome<ProofOutput> {
    request.require_files()?;
    require_params(ParameterSet::Update, update_sector_size(request.update_proof))?;
    let EmptySectorUpdateProof(proof) = update::generate_empty_sector_update_proof(
        request.update_proof,
        request.comm_r_old.0,
        request.comm_r_new.0,
        request.comm_d_new.0,
        &request.key_path,
        &request.key_cache_dir,
        &request.replica_path,
        &request.replica_cache_dir,
    )?;
    Ok(ProofOutput { proof: Bytes(proof) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verify {
    update_proof: RegisteredUpdateProof,
    proof: Bytes,
    comm_r_old: Hash32,
    comm_r_new: Hash32,
    comm_d_new: Hash32,
}

pub fn verify(request: Verify) -> Outcome<bool> {
    require_vk(ParameterSet::Update, update_sector_size(request.update_proof))?;
    if !well_formed(&request.proof.0, usize::from(request.update_proof.partitions())) {
        return Ok(false);
    }
    Ok(update::verify_empty_sector_update_proof(
        request.update_proof,
        &request.proof.0,
        request.comm_r_old.0,
        request.comm_r_new.0,
        request.comm_d_new.0,
    )?)
}
