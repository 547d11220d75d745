//! The tree over the data of a sector, as the library stores it: all leaves, then level after level up to the root.
//!
//! Each thread reads a chunk of the leaves and writes what belongs above it at the place where it belongs, so no more than a chunk a thread
//! is in memory, whatever the sector's size.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use filecoin_proofs::StoreConfig;
use fs2::FileExt as _;
use rayon::prelude::*;
use storage_proofs_core::cache_key::CacheKey;

use super::binary_tree::{ascend, zero_nodes, Node, NODE};
use crate::error::{Code, Failure, Outcome};
use crate::files::{create_directory, create_if_absent, open, require_file};
use crate::running::Running;

/// Bytes of the leaves that a thread works on.
const CHUNK: u64 = 4 << 20;

pub fn tree_d_path(cache_dir: &Path) -> PathBuf {
    StoreConfig::data_path(cache_dir, &CacheKey::CommDTree.to_string())
}

/// Bytes of the tree over so many bytes of leaves, a power of two.
pub const fn tree_d_bytes(sector_size: u64) -> u64 {
    2 * sector_size - NODE as u64
}

pub fn require_staged(sector_size: u64, staged_path: &Path) -> Outcome<()> {
    let length = require_file("staged file", staged_path)?;
    if length != sector_size {
        return Err(Failure::argument(format!(
            "the staged file {} has {length} bytes, a sector has {sector_size}",
            staged_path.display()
        )));
    }
    Ok(())
}

/// Returns the root. The tree is built aside, synced and renamed: a later step takes any file of its name for a whole tree.
pub fn build_tree_d(sector_size: u64, staged_path: &Path, cache_dir: &Path) -> Outcome<Node> {
    require_staged(sector_size, staged_path)?;
    let staged = open("staged file", staged_path)?;
    create_directory(cache_dir)?;
    let path = tree_d_path(cache_dir);
    let part = cache_dir.join(".tree-d.part");
    let file = create_if_absent(&part)?;
    // The name is always the same, so that what a killed process left is written over and not forgotten.
    file.try_lock_exclusive()
        .map_err(|_| Failure::new(Code::Io, format!("another process is building {}", path.display())))?;
    let running = Running::start(&path, sector_size);
    let built = write_tree(&staged, staged_path, &file, &part, sector_size, &running).and_then(|root| {
        file.sync_all().map_err(|error| Failure::file("sync", &part, error))?;
        fs::rename(&part, &path).map_err(|error| Failure::file("rename to", &path, error))?;
        // Some network file systems cannot sync a directory.
        let _ = File::open(cache_dir).and_then(|directory| directory.sync_all());
        Ok(root)
    });
    if built.is_err() {
        let _ = fs::remove_file(&part);
    }
    built
}

fn write_tree(
    staged: &File,
    staged_path: &Path,
    tree: &File,
    tree_path: &Path,
    sector_size: u64,
    running: &Running,
) -> Outcome<Node> {
    let unwritten = |error| Failure::file("write", tree_path, error);
    tree.set_len(0).and_then(|()| tree.set_len(tree_d_bytes(sector_size))).map_err(unwritten)?;
    let chunk = sector_size.min(CHUNK);
    let zeros = zero_nodes();
    // A level starts where those below it end: leaves take the sector's size, each level half of the one below.
    let level_start = |height: u32| 2 * sector_size - ((2 * sector_size) >> height);
    let write =
        |level: &[u8], height: u32, at: u64| tree.write_all_at(level, level_start(height) + at).map_err(unwritten);

    let roots = (0..sector_size / chunk)
        .into_par_iter()
        .map_init(
            || vec![0u8; chunk as usize],
            |buffer, index| -> Outcome<Node> {
                let mut level = &mut buffer[..];
                staged
                    .read_exact_at(level, index * chunk)
                    .map_err(|error| Failure::file("read the staged file", staged_path, error))?;
                let empty = level.iter().all(|byte| *byte == 0);
                if !empty {
                    write(level, 0, index * chunk)?;
                }
                let mut height = 0;
                while level.len() > NODE {
                    height += 1;
                    level = if empty {
                        let above = level.len() / 2;
                        let level = &mut level[..above];
                        level.chunks_exact_mut(NODE).for_each(|node| node.copy_from_slice(&zeros[height as usize]));
                        level
                    } else {
                        ascend(level)
                    };
                    write(level, height, (index * chunk) >> height)?;
                }
                running.advance(chunk);
                let mut root = [0u8; NODE];
                root.copy_from_slice(level);
                Ok(root)
            },
        )
        .collect::<Outcome<Vec<Node>>>()?;

    let mut top = roots.concat();
    let mut level = &mut top[..];
    let mut height = (chunk / NODE as u64).trailing_zeros();
    while level.len() > NODE {
        level = ascend(level);
        height += 1;
        write(level, height, 0)?;
    }
    let mut root = [0u8; NODE];
    root.copy_from_slice(level);
    Ok(root)
}

/// The library's own way, to compare with: same file, same root.
pub fn build_tree_d_by_library(sector_size: u64, staged_path: &Path, cache_dir: &Path) -> Outcome<Node> {
    use filecoin_proofs::constants::{DefaultBinaryTree, DefaultPieceHasher};
    use filecoin_proofs::{get_base_tree_leafs, get_base_tree_size, SectorSize};
    use storage_proofs_core::merkle::{create_base_merkle_tree, BinaryMerkleTree};

    require_staged(sector_size, staged_path)?;
    create_directory(cache_dir)?;
    let file = open("staged file", staged_path)?;
    // Safety: the staged file is written before this step and by nobody else.
    let data = unsafe { memmap2::Mmap::map(&file) }.map_err(|error| Failure::file("map", staged_path, error))?;
    let leaves =
        get_base_tree_leafs::<DefaultBinaryTree>(get_base_tree_size::<DefaultBinaryTree>(SectorSize(sector_size))?)?;
    let config = StoreConfig::new(cache_dir, CacheKey::CommDTree.to_string(), 0);
    let tree = create_base_merkle_tree::<BinaryMerkleTree<DefaultPieceHasher>>(Some(config), leaves, &data)?;
    Ok(tree.root().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same_as_the_library(sector_size: u64, fill: impl Fn(usize) -> u8) {
        let directory = std::env::temp_dir().join(format!("sealyard-tree-d-{}-{sector_size}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        create_directory(&directory).expect("a directory");
        let staged = directory.join("staged");
        let data: Vec<u8> = (0..sector_size as usize).map(|i| if i % 32 == 31 { 0 } else { fill(i) }).collect();
        fs::write(&staged, data).expect("a file");
        let (ours, theirs) = (directory.join("ours"), directory.join("theirs"));
        create_directory(&ours).expect("a directory");
        // What a killed process left.
        fs::write(ours.join(".tree-d.part"), vec![9u8; 5000]).expect("a file");
        let root = build_tree_d(sector_size, &staged, &ours).expect("built");
        assert_eq!(root, build_tree_d_by_library(sector_size, &staged, &theirs).expect("built"));
        let read = |cache: &Path| fs::read(tree_d_path(cache)).expect("a tree");
        assert!(read(&ours) == read(&theirs));
        assert_eq!(fs::read_dir(&ours).expect("a directory").count(), 1);
        fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn the_tree_is_the_librarys_byte_for_byte() {
        for sector_size in [2 << 10, 8 << 20, 64 << 20] {
            same_as_the_library(sector_size, |i| (i.wrapping_mul(0x9e37_79b9) >> 9) as u8);
        }
        same_as_the_library(16 << 20, |i| u8::from(i == 5 << 20));
    }
}
