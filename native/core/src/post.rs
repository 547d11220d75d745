//! Proofs of spacetime: window and winning.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use filecoin_hashers::{HashFunction, Hasher};
use filecoin_proofs::{PersistentAux, TreeRHasher};
use filecoin_proofs_api::{
    post, ChallengeSeed, PoStType, PrivateReplicaInfo, PublicReplicaInfo, RegisteredPoStProof, SectorId,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Failure, Outcome};
use crate::files::{require_directory, require_file};
use crate::guard::guarded;
use crate::parameters::{require_params, require_vk, ParameterSet};
use crate::seal::well_formed;
use crate::values::{Bytes, Hash32};

fn size_of(proof: RegisteredPoStProof) -> u64 {
    u64::from(proof.sector_size())
}

fn set_of(proof: RegisteredPoStProof) -> ParameterSet {
    match proof.typ() {
        PoStType::Winning => ParameterSet::Winning,
        PoStType::Window => ParameterSet::Window,
    }
}

fn require_type(proof: RegisteredPoStProof, expected: &PoStType) -> Outcome<()> {
    if proof.typ() == *expected {
        return Ok(());
    }
    Err(Failure::argument(format!("{proof:?} is not the proof of a {expected:?} PoSt")))
}

/// The chain's randomness has 256 bits, a field element fewer: the two top bits of the last byte are cleared, as every node does.
fn challenge_seed(randomness: Hash32) -> ChallengeSeed {
    let mut seed = randomness.0;
    seed[31] &= 0x3f;
    seed
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FallbackChallenges {
    proof_type: RegisteredPoStProof,
    randomness: Hash32,
    prover_id: Hash32,
    /// In the order of the partition: a challenge depends on the position for V1_2 proofs.
    sector_ids: Vec<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SectorChallenges {
    sector_id: u64,
    challenges: Vec<u64>,
}

pub fn fallback_challenges(request: FallbackChallenges) -> Outcome<Vec<SectorChallenges>> {
    let ids: Vec<SectorId> = request.sector_ids.iter().copied().map(SectorId::from).collect();
    let mut challenges = challenges(request.proof_type, request.randomness, request.prover_id, &ids)?;
    Ok(request
        .sector_ids
        .into_iter()
        .map(|sector_id| SectorChallenges {
            sector_id,
            challenges: challenges.remove(&SectorId::from(sector_id)).unwrap_or_default(),
        })
        .collect())
}

fn challenges(
    proof: RegisteredPoStProof,
    randomness: Hash32,
    prover_id: Hash32,
    ids: &[SectorId],
) -> Outcome<BTreeMap<SectorId, Vec<u64>>> {
    if ids.is_empty() {
        return Err(Failure::argument("no sectors given"));
    }
    Ok(post::generate_fallback_sector_challenges(proof, &challenge_seed(randomness), ids, prover_id.0)?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replica {
    sector_id: u64,
    comm_r: Hash32,
    cache_dir: PathBuf,
    sealed_path: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SingleVanilla {
    proof_type: RegisteredPoStProof,
    replica: Replica,
    challenges: Vec<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VanillaProof {
    vanilla_proof: Bytes,
}

pub fn single_vanilla(request: SingleVanilla) -> Outcome<VanillaProof> {
    if request.challenges.is_empty() {
        return Err(Failure::argument("no challenges given"));
    }
    Ok(VanillaProof { vanilla_proof: vanilla(request.proof_type, &request.replica, &request.challenges)? })
}

fn vanilla(proof: RegisteredPoStProof, replica: &Replica, challenges: &[u64]) -> Outcome<Bytes> {
    require_file("sealed file", &replica.sealed_path)?;
    require_directory("cache directory", &replica.cache_dir)?;
    require_matching_aux(replica)?;
    let info = PrivateReplicaInfo::new(proof, replica.comm_r.0, replica.cache_dir.clone(), replica.sealed_path.clone());
    Ok(Bytes(post::generate_single_vanilla_proof(proof, SectorId::from(replica.sector_id), &info, challenges)?))
}

/// commR is the hash of two commitments in `p_aux`. A cache directory of another sector would spoil the proof of the whole partition,
/// and the library would not say whose it was.
fn require_matching_aux(replica: &Replica) -> Outcome<()> {
    let path = replica.cache_dir.join("p_aux");
    let bytes = fs::read(&path).map_err(|error| Failure::file("read", &path, error))?;
    let aux: PersistentAux<<TreeRHasher as Hasher>::Domain> = bincode::deserialize(&bytes)
        .map_err(|error| Failure::new(Code::Io, format!("{} is damaged: {error}", path.display())))?;
    let comm_r: [u8; 32] = <TreeRHasher as Hasher>::Function::hash2(&aux.comm_c, &aux.comm_r_last).into();
    if comm_r != replica.comm_r.0 {
        return Err(Failure::new(
            Code::Proofs,
            format!("{} belongs to another replica than the given commR", path.display()),
        ));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PoSt {
    proof_type: RegisteredPoStProof,
    randomness: Hash32,
    prover_id: Hash32,
    /// In the order of the partitions.
    replicas: Vec<Replica>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    sector_id: u64,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SectorVanilla {
    sector_id: u64,
    vanilla_proof: Bytes,
}

#[derive(Serialize)]
pub struct VanillaProofs {
    proofs: Vec<SectorVanilla>,
    faults: Vec<Fault>,
}

/// The vanilla proof of every replica, and who could not give one and why: one bad sector does not spoil the others.
pub fn vanilla_proofs(request: PoSt) -> Outcome<VanillaProofs> {
    let ids: Vec<SectorId> = request.replicas.iter().map(|replica| SectorId::from(replica.sector_id)).collect();
    let challenges = challenges(request.proof_type, request.randomness, request.prover_id, &ids)?;
    let attempts: Vec<_> = request
        .replicas
        .par_iter()
        .map(|replica| {
            let challenges = challenges.get(&SectorId::from(replica.sector_id)).map(Vec::as_slice).unwrap_or_default();
            (replica.sector_id, guarded(|| vanilla(request.proof_type, replica, challenges)))
        })
        .collect();
    let mut all = VanillaProofs { proofs: Vec::new(), faults: Vec::new() };
    for (sector_id, attempt) in attempts {
        match attempt {
            Ok(vanilla_proof) => all.proofs.push(SectorVanilla { sector_id, vanilla_proof }),
            Err(failure) => {
                let message = std::iter::once(failure.message).chain(failure.causes).collect::<Vec<_>>().join(": ");
                all.faults.push(Fault { sector_id, message });
            }
        }
    }
    Ok(all)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoStProof {
    proof_type: RegisteredPoStProof,
    proof: Bytes,
}

fn outputs(proofs: Vec<(RegisteredPoStProof, Vec<u8>)>) -> Vec<PoStProof> {
    proofs.into_iter().map(|(proof_type, proof)| PoStProof { proof_type, proof: Bytes(proof) }).collect()
}

/// Proves from the replicas, or fails with the ids of all sectors that cannot be proven.
fn prove_replicas(request: PoSt, expected: &PoStType) -> Outcome<Vec<PoStProof>> {
    require_type(request.proof_type, expected)?;
    require_params(set_of(request.proof_type), size_of(request.proof_type))?;
    let (proof_type, randomness, prover_id) = (request.proof_type, request.randomness, request.prover_id);
    let all = vanilla_proofs(request)?;
    if !all.faults.is_empty() {
        let faulty_sectors: Vec<u64> = all.faults.iter().map(|fault| fault.sector_id).collect();
        return Err(Failure {
            causes: all
                .faults
                .into_iter()
                .map(|fault| format!("sector {}: {}", fault.sector_id, fault.message))
                .collect(),
            faulty_sectors: faulty_sectors.clone(),
            ..Failure::new(Code::FaultySectors, format!("faulty sectors {faulty_sectors:?}"))
        });
    }
    let vanilla_proofs = all.proofs.into_iter().map(|sector| sector.vanilla_proof).collect();
    prove_vanilla(FromVanilla { proof_type, randomness, prover_id, vanilla_proofs }, expected)
}

pub fn window(request: PoSt) -> Outcome<Vec<PoStProof>> {
    prove_replicas(request, &PoStType::Window)
}

pub fn winning(request: PoSt) -> Outcome<Vec<PoStProof>> {
    prove_replicas(request, &PoStType::Winning)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FromVanilla {
    proof_type: RegisteredPoStProof,
    randomness: Hash32,
    prover_id: Hash32,
    /// In the order of the partitions.
    vanilla_proofs: Vec<Bytes>,
}

fn prove_vanilla(request: FromVanilla, expected: &PoStType) -> Outcome<Vec<PoStProof>> {
    require_type(request.proof_type, expected)?;
    require_params(set_of(request.proof_type), size_of(request.proof_type))?;
    let seed = challenge_seed(request.randomness);
    let vanilla: Vec<Vec<u8>> = request.vanilla_proofs.into_iter().map(|proof| proof.0).collect();
    let prover_id = request.prover_id.0;
    Ok(outputs(match request.proof_type.typ() {
        PoStType::Window => post::generate_window_post_with_vanilla(request.proof_type, &seed, prover_id, &vanilla)?,
        PoStType::Winning => post::generate_winning_post_with_vanilla(request.proof_type, &seed, prover_id, &vanilla)?,
    }))
}

pub fn window_from_vanilla(request: FromVanilla) -> Outcome<Vec<PoStProof>> {
    prove_vanilla(request, &PoStType::Window)
}

pub fn winning_from_vanilla(request: FromVanilla) -> Outcome<Vec<PoStProof>> {
    prove_vanilla(request, &PoStType::Winning)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowPartition {
    proof_type: RegisteredPoStProof,
    randomness: Hash32,
    prover_id: Hash32,
    /// Of the sectors of this partition only.
    vanilla_proofs: Vec<Bytes>,
    partition_index: usize,
}

pub fn window_partition(request: WindowPartition) -> Outcome<PoStProof> {
    require_type(request.proof_type, &PoStType::Window)?;
    require_params(ParameterSet::Window, size_of(request.proof_type))?;
    let vanilla: Vec<Vec<u8>> = request.vanilla_proofs.into_iter().map(|proof| proof.0).collect();
    let proof = post::generate_single_window_post_with_vanilla(
        request.proof_type,
        &challenge_seed(request.randomness),
        request.prover_id.0,
        &vanilla,
        request.partition_index,
    )?;
    Ok(PoStProof { proof_type: request.proof_type, proof: Bytes(proof.0) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicReplica {
    sector_id: u64,
    comm_r: Hash32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerifyPoSt {
    proof_type: RegisteredPoStProof,
    randomness: Hash32,
    prover_id: Hash32,
    replicas: Vec<PublicReplica>,
    proof: Bytes,
}

fn verify(request: VerifyPoSt, expected: &PoStType) -> Outcome<bool> {
    let proof_type = request.proof_type;
    require_type(proof_type, expected)?;
    if request.replicas.is_empty() {
        return Err(Failure::argument("no sectors given"));
    }
    require_vk(set_of(proof_type), size_of(proof_type))?;
    let partitions = match proof_type.typ() {
        PoStType::Window => request.replicas.len().div_ceil(proof_type.sector_count()),
        PoStType::Winning => 1,
    };
    if !well_formed(&request.proof.0, partitions) {
        return Ok(false);
    }
    let replicas: BTreeMap<SectorId, PublicReplicaInfo> = request
        .replicas
        .iter()
        .map(|replica| (SectorId::from(replica.sector_id), PublicReplicaInfo::new(proof_type, replica.comm_r.0)))
        .collect();
    let seed = challenge_seed(request.randomness);
    let prover_id = request.prover_id.0;
    Ok(match proof_type.typ() {
        PoStType::Window => {
            post::verify_window_post(&seed, &[(proof_type, &request.proof.0[..])], &replicas, prover_id)?
        }
        PoStType::Winning => post::verify_winning_post(&seed, &request.proof.0, &replicas, prover_id)?,
    })
}

pub fn verify_window(request: VerifyPoSt) -> Outcome<bool> {
    verify(request, &PoStType::Window)
}

pub fn verify_winning(request: VerifyPoSt) -> Outcome<bool> {
    verify(request, &PoStType::Winning)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WinningChallenge {
    proof_type: RegisteredPoStProof,
    randomness: Hash32,
    prover_id: Hash32,
    sector_count: u64,
}

/// Indices into the eligible sectors, in the order of the chain's list.
pub fn winning_challenge(request: WinningChallenge) -> Outcome<Vec<u64>> {
    require_type(request.proof_type, &PoStType::Winning)?;
    if request.sector_count == 0 {
        return Err(Failure::argument("no eligible sectors"));
    }
    Ok(post::generate_winning_post_sector_challenge(
        request.proof_type,
        &challenge_seed(request.randomness),
        request.sector_count,
        request.prover_id.0,
    )?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowPartitions {
    proof_type: RegisteredPoStProof,
    sector_count: usize,
}

pub fn window_partitions(request: WindowPartitions) -> Outcome<usize> {
    require_type(request.proof_type, &PoStType::Window)?;
    Ok(post::get_num_partition_for_fallback_post(request.proof_type, request.sector_count)?)
}
