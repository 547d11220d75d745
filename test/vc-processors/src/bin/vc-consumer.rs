//! `vc-consumer <stage>`: a processor on the crate's own loop.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{bail, Context, Result};
use sealyard_vc_processors_test::{C2Output, Transfer, TreeD, C2};
use sha2::{Digest, Sha256};
use vc_processors::core::{ext::run_consumer, Processor};

#[derive(Clone, Copy, Default)]
struct Copier;

impl Processor<Transfer> for Copier {
    fn process(&self, task: Transfer) -> Result<bool> {
        for route in task.routes {
            if let Some(parent) = route.dest.uri.parent() {
                fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
            }
            fs::copy(&route.src.uri, &route.dest.uri)
                .with_context(|| format!("read {}", route.src.uri.display()))
                .context("copy a route")?;
        }
        Ok(true)
    }
}

#[derive(Clone, Copy, Default)]
struct TreeBuilder;

impl Processor<TreeD> for TreeBuilder {
    fn process(&self, task: TreeD) -> Result<bool> {
        let mut tree = Vec::new();
        File::open(&task.staged_file)
            .and_then(|mut file| file.read_to_end(&mut tree))
            .with_context(|| format!("open staged file {:?}", task.staged_file))?;
        let (mut start, mut nodes) = (0, tree.len() / 32);
        while nodes > 1 {
            for pair in 0..nodes / 2 {
                let mut hash = Sha256::digest(&tree[start + pair * 64..start + pair * 64 + 64]);
                hash[31] &= 0x3f;
                tree.extend_from_slice(&hash);
            }
            start += nodes * 32;
            nodes /= 2;
        }
        fs::create_dir_all(&task.cache_dir)?;
        write(&task.cache_dir.join("sc-02-data-tree-d.dat"), &tree)?;
        Ok(true)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    File::create(path)?.write_all(bytes).with_context(|| format!("write {}", path.display()))
}

/// No proof: every byte of the prover id, the sector, the miner, and how long the C1 output was. `{"fail": "…"}` fails.
#[derive(Clone, Copy, Default)]
struct Echo;

impl Processor<C2> for Echo {
    fn process(&self, task: C2) -> Result<C2Output> {
        if let Some(text) = task.c1out.get("fail") {
            bail!("{}", text.as_str().unwrap_or_default());
        }
        let mut proof = task.prover_id.to_vec();
        proof.extend(task.sector_id.to_be_bytes());
        proof.extend(task.miner_id.to_be_bytes());
        proof.extend((task.c1out.to_string().len() as u64).to_be_bytes());
        Ok(C2Output { proof })
    }
}

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("transfer") => run_consumer::<Transfer, Copier>(),
        Some("tree_d") => run_consumer::<TreeD, TreeBuilder>(),
        Some("c2") => run_consumer::<C2, Echo>(),
        other => bail!("no such stage: {other:?}"),
    }
}
