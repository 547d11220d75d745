//! The development parameters of 2 KiB sectors, known without making them: digests of all files, and the verifying keys themselves.
//!
//! They come from [`SEED`], which is published here. INSECURE: anyone can forge proofs under them. Never use them where money is.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

/// The published seed. Whoever generates from it gets the same files, bit by bit, so the nodes of a development network agree.
pub const SEED: &str = "sealyard insecure development parameters v1";

#[derive(Deserialize)]
struct Entry {
    digest: String,
}

/// Digest of a development parameter file by name.
pub fn digest(name: &str) -> Option<String> {
    static TABLE: OnceLock<BTreeMap<String, Entry>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        serde_json::from_str(include_str!("../../../dev-parameters/parameters.json")).unwrap_or_default()
    });
    table.get(name).map(|entry| entry.digest.clone())
}

const KEYS: &[(&str, &[u8])] = &[
    (
        "v28-empty-sector-update-merkletree-poseidon_hasher-8-0-0-fb9e095bebdd77511c0269b967b4d87ba8b8a525edaa0e165de23ba454510194.vk",
        include_bytes!("../../../dev-parameters/v28-empty-sector-update-merkletree-poseidon_hasher-8-0-0-fb9e095bebdd77511c0269b967b4d87ba8b8a525edaa0e165de23ba454510194.vk"),
    ),
    (
        "v28-proof-of-spacetime-fallback-merkletree-poseidon_hasher-8-0-0-0170db1f394b35d995252228ee359194b13199d259380541dc529fb0099096b0.vk",
        include_bytes!("../../../dev-parameters/v28-proof-of-spacetime-fallback-merkletree-poseidon_hasher-8-0-0-0170db1f394b35d995252228ee359194b13199d259380541dc529fb0099096b0.vk"),
    ),
    (
        "v28-proof-of-spacetime-fallback-merkletree-poseidon_hasher-8-0-0-3ea05428c9d11689f23529cde32fd30aabd50f7d2c93657c1d3650bca3e8ea9e.vk",
        include_bytes!("../../../dev-parameters/v28-proof-of-spacetime-fallback-merkletree-poseidon_hasher-8-0-0-3ea05428c9d11689f23529cde32fd30aabd50f7d2c93657c1d3650bca3e8ea9e.vk"),
    ),
    (
        "v28-stacked-proof-of-replication-merkletree-poseidon_hasher-8-0-0-sha256_hasher-032d3138d22506ec0082ed72b2dcba18df18477904e35bafee82b3793b06832f.vk",
        include_bytes!("../../../dev-parameters/v28-stacked-proof-of-replication-merkletree-poseidon_hasher-8-0-0-sha256_hasher-032d3138d22506ec0082ed72b2dcba18df18477904e35bafee82b3793b06832f.vk"),
    ),
];

pub fn verifying_key(name: &str) -> Option<&'static [u8]> {
    KEYS.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}
