//! The stages of sealing, and the verification of their proof.

use std::path::PathBuf;

use bellperson::groth16::Proof;
use blstrs::Bls12;
use filecoin_proofs_api::seal::{self, SealCommitPhase1Output, SealPreCommitPhase1Output, SealPreCommitPhase2Output};
use filecoin_proofs_api::{ApiFeature, RegisteredSealProof, SectorId};
use serde::{Deserialize, Serialize};

use crate::aggregate::well_formed_aggregate;
use crate::error::Outcome;
use crate::files::{create_directory, create_if_absent, require_directory, require_file};
use crate::parameters::{require_params, require_srs, require_vk, ParameterSet};
use crate::pieces::{build_tree_d, tree_d_path};
use crate::values::{piece_infos, Bytes, Hash32, Piece};

pub fn size_of(proof: RegisteredSealProof) -> u64 {
    u64::from(proof.sector_size())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreCommit1 {
    seal_proof: RegisteredSealProof,
    cache_dir: PathBuf,
    staged_path: PathBuf,
    sealed_path: PathBuf,
    prover_id: Hash32,
    sector_id: u64,
    ticket: Hash32,
    pieces: Vec<Piece>,
}

/// The sealed file and the cache directory are made when absent; so is tree-d.
pub fn pre_commit1(request: PreCommit1) -> Outcome<SealPreCommitPhase1Output> {
    let pieces = piece_infos(&request.pieces)?;
    require_file("staged file", &request.staged_path)?;
    create_directory(&request.cache_dir)?;
    create_if_absent(&request.sealed_path)?;
    if !tree_d_path(&request.cache_dir).is_file() {
        build_tree_d(size_of(request.seal_proof), &request.staged_path, &request.cache_dir)?;
    }
    Ok(seal::seal_pre_commit_phase1(
        request.seal_proof,
        &request.cache_dir,
        &request.staged_path,
        &request.sealed_path,
        request.prover_id.0,
        SectorId::from(request.sector_id),
        request.ticket.0,
        &pieces,
    )?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreCommit2 {
    phase1_output: SealPreCommitPhase1Output,
    cache_dir: PathBuf,
    sealed_path: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreCommit2Output {
    seal_proof: RegisteredSealProof,
    comm_r: Hash32,
    comm_d: Hash32,
}

pub fn pre_commit2(request: PreCommit2) -> Outcome<PreCommit2Output> {
    require_directory("cache directory", &request.cache_dir)?;
    require_file("tree", &tree_d_path(&request.cache_dir))?;
    require_file("sealed file", &request.sealed_path)?;
    let output = seal::seal_pre_commit_phase2(request.phase1_output, &request.cache_dir, &request.sealed_path)?;
    Ok(PreCommit2Output {
        seal_proof: output.registered_proof,
        comm_r: Hash32(output.comm_r),
        comm_d: Hash32(output.comm_d),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyntheticProofs {
    seal_proof: RegisteredSealProof,
    cache_dir: PathBuf,
    sealed_path: PathBuf,
    prover_id: Hash32,
    sector_id: u64,
    ticket: Hash32,
    comm_r: Hash32,
    comm_d: Hash32,
    pieces: Vec<Piece>,
}

/// Writes the vanilla proofs of all synthetic challenges to the cache directory: the layers are not needed any more after that.
pub fn synthetic_proofs(request: SyntheticProofs) -> Outcome<()> {
    require_directory("cache directory", &request.cache_dir)?;
    require_file("sealed file", &request.sealed_path)?;
    Ok(seal::generate_synth_proofs(
        request.cache_dir,
        request.sealed_path,
        request.prover_id.0,
        SectorId::from(request.sector_id),
        request.ticket.0,
        SealPreCommitPhase2Output {
            registered_proof: request.seal_proof,
            comm_r: request.comm_r.0,
            comm_d: request.comm_d.0,
        },
        &piece_infos(&request.pieces)?,
    )?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheDirectory {
    cache_dir: PathBuf,
}

pub fn clear_synthetic_proofs(request: CacheDirectory) -> Outcome<()> {
    require_directory("cache directory", &request.cache_dir)?;
    Ok(seal::clear_synthetic_proofs(&request.cache_dir)?)
}

/// Removes layers and trees; what PoSt and unsealing need stays. No C1 afterwards, unless the proof is synthetic.
pub fn clear_cache(request: CacheDirectory) -> Outcome<()> {
    require_directory("cache directory", &request.cache_dir)?;
    Ok(seal::clear_cache(&request.cache_dir)?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commit1 {
    seal_proof: RegisteredSealProof,
    cache_dir: PathBuf,
    sealed_path: PathBuf,
    prover_id: Hash32,
    sector_id: u64,
    ticket: Hash32,
    seed: Hash32,
    comm_r: Hash32,
    comm_d: Hash32,
    pieces: Vec<Piece>,
}

pub fn commit1(request: Commit1) -> Outcome<SealCommitPhase1Output> {
    require_directory("cache directory", &request.cache_dir)?;
    require_file("sealed file", &request.sealed_path)?;
    require_file("persistent auxiliary data", &request.cache_dir.join("p_aux"))?;
    Ok(seal::seal_commit_phase1(
        request.cache_dir,
        request.sealed_path,
        request.prover_id.0,
        SectorId::from(request.sector_id),
        request.ticket.0,
        request.seed.0,
        SealPreCommitPhase2Output {
            registered_proof: request.seal_proof,
            comm_r: request.comm_r.0,
            comm_d: request.comm_d.0,
        },
        &piece_infos(&request.pieces)?,
    )?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commit2 {
    phase1_output: SealCommitPhase1Output,
    prover_id: Hash32,
    sector_id: u64,
}

#[derive(Serialize)]
pub struct ProofOutput {
    pub proof: Bytes,
}

pub fn commit2(request: Commit2) -> Outcome<ProofOutput> {
    let proof_type = request.phase1_output.registered_proof;
    require_params(ParameterSet::PoRep, size_of(proof_type))?;
    if proof_type.feature_enabled(ApiFeature::NonInteractivePoRep) {
        require_srs(size_of(proof_type))?;
    }
    let output =
        seal::seal_commit_phase2(request.phase1_output, request.prover_id.0, SectorId::from(request.sector_id))?;
    Ok(ProofOutput { proof: Bytes(output.proof) })
}

/// True when the bytes are the given number of Groth16 proofs: points of the curve, in the right subgroup.
pub fn well_formed(proof: &[u8], partitions: usize) -> bool {
    Proof::<Bls12>::read_many(proof, partitions).is_ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerifySeal {
    seal_proof: RegisteredSealProof,
    prover_id: Hash32,
    sector_id: u64,
    ticket: Hash32,
    seed: Hash32,
    comm_r: Hash32,
    comm_d: Hash32,
    proof: Bytes,
}

pub fn verify_seal(request: VerifySeal) -> Outcome<bool> {
    let proof_type = request.seal_proof;
    require_vk(ParameterSet::PoRep, size_of(proof_type))?;
    if proof_type.feature_enabled(ApiFeature::NonInteractivePoRep) {
        require_srs(size_of(proof_type))?;
        if !well_formed_aggregate(&request.proof.0) {
            return Ok(false);
        }
    } else if !well_formed(&request.proof.0, usize::from(proof_type.partitions())) {
        return Ok(false);
    }
    Ok(seal::verify_seal(
        proof_type,
        request.comm_r.0,
        request.comm_d.0,
        request.prover_id.0,
        SectorId::from(request.sector_id),
        request.ticket.0,
        request.seed.0,
        &request.proof.0,
    )?)
}
