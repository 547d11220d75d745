//! Aggregates of seal proofs, and their verification.

use bellperson::groth16::aggregate::AggregateProof;
use blstrs::Bls12;
use filecoin_proofs_api::seal::{self, SealCommitPhase2Output};
use filecoin_proofs_api::{RegisteredAggregationProof, RegisteredSealProof, SectorId};
use serde::Deserialize;

use crate::error::{Failure, Outcome};
use crate::parameters::{require_srs, require_vk, ParameterSet};
use crate::seal::{size_of, ProofOutput};
use crate::values::{Bytes, Hash32};

/// True when the bytes are an aggregate: points of the curve, for a number of proofs that can be.
pub fn well_formed_aggregate(proof: &[u8]) -> bool {
    let mut rest = proof;
    AggregateProof::<Bls12>::read(&mut rest).is_ok_and(|parsed| {
        let proofs = parsed.tmipp.gipa.nproofs;
        rest.is_empty() && proofs > 1 && proofs.is_power_of_two()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AggregatedProof {
    comm_r: Hash32,
    seed: Hash32,
    proof: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Aggregate {
    seal_proof: RegisteredSealProof,
    aggregation: RegisteredAggregationProof,
    sectors: Vec<AggregatedProof>,
}

pub fn aggregate(request: Aggregate) -> Outcome<ProofOutput> {
    require_srs(size_of(request.seal_proof))?;
    require_vk(ParameterSet::PoRep, size_of(request.seal_proof))?;
    if request.sectors.is_empty() {
        return Err(Failure::argument("there is nothing to aggregate"));
    }
    let comm_rs: Vec<_> = request.sectors.iter().map(|sector| sector.comm_r.0).collect();
    let seeds: Vec<_> = request.sectors.iter().map(|sector| sector.seed.0).collect();
    let proofs: Vec<_> =
        request.sectors.into_iter().map(|sector| SealCommitPhase2Output { proof: sector.proof.0 }).collect();
    let proof = seal::aggregate_seal_commit_proofs(request.seal_proof, request.aggregation, &comm_rs, &seeds, &proofs)?;
    Ok(ProofOutput { proof: Bytes(proof) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AggregatedSector {
    sector_id: u64,
    comm_r: Hash32,
    comm_d: Hash32,
    ticket: Hash32,
    seed: Hash32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerifyAggregate {
    seal_proof: RegisteredSealProof,
    aggregation: RegisteredAggregationProof,
    prover_id: Hash32,
    sectors: Vec<AggregatedSector>,
    proof: Bytes,
}

pub fn verify_aggregate(request: VerifyAggregate) -> Outcome<bool> {
    require_srs(size_of(request.seal_proof))?;
    require_vk(ParameterSet::PoRep, size_of(request.seal_proof))?;
    if request.sectors.is_empty() {
        return Err(Failure::argument("there is nothing to verify"));
    }
    if !well_formed_aggregate(&request.proof.0) {
        return Ok(false);
    }
    let mut inputs = Vec::new();
    for sector in &request.sectors {
        inputs.extend(seal::get_seal_inputs(
            request.seal_proof,
            sector.comm_r.0,
            sector.comm_d.0,
            request.prover_id.0,
            SectorId::from(sector.sector_id),
            sector.ticket.0,
            sector.seed.0,
        )?);
    }
    let comm_rs: Vec<_> = request.sectors.iter().map(|sector| sector.comm_r.0).collect();
    let seeds: Vec<_> = request.sectors.iter().map(|sector| sector.seed.0).collect();
    Ok(seal::verify_aggregate_seal_commit_proofs(
        request.seal_proof,
        request.aggregation,
        request.proof.0,
        &comm_rs,
        &seeds,
        inputs,
    )?)
}
