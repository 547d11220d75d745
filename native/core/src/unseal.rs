//! Reading data back from a sealed sector, or from one that was upgraded.
//!
//! The labels of the whole sector are computed again, as in PC1, and take the time and the memory of PC1 (two layers). What is then
//! decoded is only the range that was asked for, in chunks, from the replica and the last layer on disk.
//!
//! A sealed file is `label + data`, node by node. An upgraded replica is `key + data * rho` (FIP-0019), where the key is the sealed file from
//! before: that of a sector of zeros, hence its last layer, so that neither PC2 nor the deleted file is needed.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use blstrs::Scalar;
use filecoin_hashers::Domain;
use filecoin_proofs::constants::{DefaultPieceDomain, DefaultPieceHasher, SectorShape2KiB};
use filecoin_proofs::parameters::public_params;
use filecoin_proofs::{DefaultTreeDomain, DefaultTreeHasher, StoreConfig};
use filecoin_proofs_api::RegisteredSealProof;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use storage_proofs_porep::stacked::{generate_replica_id, StackedDrg};
use storage_proofs_update::constants::h_default;
use storage_proofs_update::phi;
use storage_proofs_update::vanilla::Rhos;

use crate::error::{Failure, Outcome};
use crate::files::{create_directory, open, require_file};
use crate::pieces::fr32::{unpad, PADDED_BLOCK, UNPADDED_BLOCK};
use crate::running::Running;
use crate::seal::size_of;
use crate::values::Hash32;

/// Blocks that a thread decodes at once: a mebibyte.
const CHUNK_BLOCKS: u64 = 1 << 13;

const NODE: usize = 32;

const BLOCK_NODES: u64 = (PADDED_BLOCK / NODE) as u64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unseal {
    seal_proof: RegisteredSealProof,
    /// Gets one layer, which is removed again.
    cache_dir: PathBuf,
    sealed_path: PathBuf,
    output_path: PathBuf,
    prover_id: Hash32,
    sector_id: u64,
    ticket: Hash32,
    comm_d: Hash32,
    /// Unpadded bytes.
    offset: u64,
    /// Unpadded bytes.
    size: u64,
    /// For an upgraded sector: `sealed_path` is its new replica, everything else is of the sector from before.
    upgrade: Option<Upgrade>,
}

/// What the data of an upgraded sector was mixed with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upgrade {
    /// Of the sector before the upgrade.
    comm_r_old: Hash32,
    comm_d_new: Hash32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsealed {
    bytes_written: u64,
}

/// Writes the unpadded bytes of a range to a new file.
pub fn unseal(request: Unseal) -> Outcome<Unsealed> {
    let sector_size = size_of(request.seal_proof);
    let unpadded = sector_size / PADDED_BLOCK as u64 * UNPADDED_BLOCK as u64;
    if request.offset.checked_add(request.size).is_none_or(|end| end > unpadded) {
        return Err(Failure::argument(format!(
            "the range {}+{} is outside of the {unpadded} bytes of the sector",
            request.offset, request.size
        )));
    }
    let length = require_file("sealed file", &request.sealed_path)?;
    if length != sector_size {
        return Err(Failure::argument(format!(
            "the sealed file {} has {length} bytes, a sector has {sector_size}",
            request.sealed_path.display()
        )));
    }
    create_directory(&request.cache_dir)?;
    let replica_id = replica_id(&request)?;
    let key_path = request.cache_dir.join(key_name(&replica_id));
    if fs::metadata(&key_path).map_or(true, |found| found.len() != sector_size) {
        compute_key(&request, &replica_id, &key_path)?;
    }
    let decoded = decode(&request, &key_path);
    // The key stays for the next try, unless that is not needed.
    let _ = fs::remove_file(if decoded.is_ok() { &key_path } else { &request.output_path });
    decoded.map(|()| Unsealed { bytes_written: request.size })
}

/// Of a whole key; it tells whose it is, so that it is never taken for that of another sector.
fn key_name(replica_id: &DefaultTreeDomain) -> String {
    replica_id.into_bytes().iter().take(8).fold("key-".into(), |name, byte| format!("{name}{byte:02x}"))
}

fn replica_id(request: &Unseal) -> Outcome<DefaultTreeDomain> {
    let comm_d = DefaultPieceDomain::try_from_bytes(&request.comm_d.0)
        .map_err(|error| Failure::argument(format!("commD is no commitment: {error}")))?;
    if request.comm_d.0 == [0; 32] {
        return Err(Failure::argument("commD is no commitment: it is zero"));
    }
    let config = request.seal_proof.as_v1_config();
    Ok(generate_replica_id::<DefaultTreeHasher, _>(
        &request.prover_id.0,
        request.sector_id,
        &request.ticket.0,
        comm_d,
        &config.porep_id,
    ))
}

/// Puts the labels of the last layer there, whole and on the disk: hours of work that a call after a kill takes over.
fn compute_key(request: &Unseal, replica_id: &DefaultTreeDomain, key_path: &Path) -> Outcome<()> {
    // Neither the graph nor the labels depend on the shape of the trees over them, so one shape does for all sector sizes.
    type Shape = SectorShape2KiB;
    let params = public_params::<Shape>(&request.seal_proof.as_v1_config())?;
    let layer = StoreConfig::new(&request.cache_dir, "unseal-key", 0);
    let layer_path = StoreConfig::data_path(&layer.path, &layer.id);
    let computed = StackedDrg::<Shape, DefaultPieceHasher>::generate_labels_for_decoding(
        &params.graph,
        params.num_layers,
        replica_id,
        layer,
    );
    if let Err(error) = computed {
        let _ = fs::remove_file(&layer_path);
        return Err(error.into());
    }
    open("last layer", &layer_path)?.sync_all().map_err(|error| Failure::file("sync", &layer_path, error))?;
    fs::rename(&layer_path, key_path).map_err(|error| Failure::file("rename", &layer_path, error))
}

/// What the difference of a node and its label is multiplied with to get the data; none for a sector that was not upgraded.
fn factors(request: &Unseal, first_node: u64, nodes: u64) -> Outcome<Option<Rhos>> {
    let Some(upgrade) = request.upgrade.as_ref().filter(|_| nodes > 0) else { return Ok(None) };
    let no_commitment = |name: &str| Failure::argument(format!("{name} is no commitment"));
    let comm_d = DefaultPieceDomain::try_from_bytes(&upgrade.comm_d_new.0).map_err(|_| no_commitment("commDNew"))?;
    let comm_r = DefaultTreeDomain::try_from_bytes(&upgrade.comm_r_old.0).map_err(|_| no_commitment("commROld"))?;
    let all_nodes = size_of(request.seal_proof) as usize / NODE;
    let (phi, h) = (phi(&comm_d, &comm_r), h_default(all_nodes));
    Ok(Some(Rhos::new_inv_range(&phi, h, all_nodes, first_node as usize, nodes as usize)))
}

fn decode(request: &Unseal, key_path: &Path) -> Outcome<()> {
    let (sealed_path, output_path) = (&request.sealed_path, &request.output_path);
    let (sealed, key) = (open("sealed file", sealed_path)?, open("last layer", key_path)?);
    let output = File::create(output_path).map_err(|error| Failure::file("create", output_path, error))?;
    let running = Running::start(output_path, request.size);
    let (start, end) = (request.offset, request.offset + request.size);
    let first = start / UNPADDED_BLOCK as u64;
    let last = end.div_ceil(UNPADDED_BLOCK as u64);
    let factors = factors(request, first * BLOCK_NODES, (last - first) * BLOCK_NODES)?;
    (0..(last - first).div_ceil(CHUNK_BLOCKS)).into_par_iter().try_for_each(|chunk| {
        let from = first + chunk * CHUNK_BLOCKS;
        let blocks = CHUNK_BLOCKS.min(last - from) as usize;
        let read = |what: &str, file: &File, path: &Path| {
            let mut bytes = vec![0u8; blocks * PADDED_BLOCK];
            file.read_exact_at(&mut bytes, from * PADDED_BLOCK as u64)
                .map_err(|error| Failure::file(&format!("read the {what}"), path, error))?;
            Ok::<_, Failure>(bytes)
        };
        let (mut data, labels) = (read("sealed file", &sealed, sealed_path)?, read("last layer", &key, key_path)?);
        let nodes = data.chunks_exact_mut(NODE).zip(labels.chunks_exact(NODE));
        for (index, (node, label)) in (from * BLOCK_NODES..).zip(nodes) {
            let encoded: Scalar = element(node, "sealed file", sealed_path)?.into();
            let label: Scalar = element(label, "last layer", key_path)?.into();
            let mixed = encoded - label;
            let value = factors.as_ref().map_or(mixed, |factors| mixed * factors.get(index as usize));
            node.copy_from_slice(DefaultTreeDomain::from(value).as_ref());
        }
        let mut unpadded = vec![0u8; blocks * UNPADDED_BLOCK];
        unpad(&data, &mut unpadded);
        // The first and the last block may reach over the ends of the range.
        let at = from * UNPADDED_BLOCK as u64;
        let skip = start.saturating_sub(at) as usize;
        let length = unpadded.len().min((end - at) as usize);
        let wanted = &unpadded[skip..length];
        output
            .write_all_at(wanted, at + skip as u64 - start)
            .map_err(|error| Failure::file("write", output_path, error))?;
        running.advance(wanted.len() as u64);
        Ok(())
    })
}

fn element(bytes: &[u8], what: &str, path: &Path) -> Outcome<DefaultTreeDomain> {
    DefaultTreeDomain::try_from_bytes(bytes)
        .map_err(|_| Failure::argument(format!("the {what} {} is damaged: not a field element", path.display())))
}
