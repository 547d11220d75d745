//! The binary tree over padded data: SHA-256 of two nodes, of which the two top bits are cleared (SHA-254).

use sha2::compress256;
use sha2::digest::generic_array::GenericArray;

pub const NODE: usize = 32;
pub type Node = [u8; NODE];

/// Enough for a sector of 2^63 bytes.
const MOST_LEVELS: usize = 60;

const START: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// What SHA-256 appends to a message of 64 bytes: one bit, zeros, and the length of 512 bits.
const END: [u8; 64] = {
    let mut block = [0u8; 64];
    block[0] = 0x80;
    block[62] = 0x02;
    block
};

/// The node above two nodes that stand one behind the other.
pub fn parent(pair: &[u8]) -> Node {
    let mut state = START;
    compress256(&mut state, &[*GenericArray::from_slice(pair), *GenericArray::from_slice(&END)]);
    let mut node = [0u8; NODE];
    for (bytes, word) in node.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    node[NODE - 1] &= 0x3f;
    node
}

/// Puts the level above into the first half of `level`, and returns that half.
pub fn ascend(level: &mut [u8]) -> &mut [u8] {
    let above = level.len() / 2;
    for at in (0..above).step_by(NODE) {
        let node = parent(&level[2 * at..2 * at + 2 * NODE]);
        level[at..at + NODE].copy_from_slice(&node);
    }
    &mut level[..above]
}

/// Root over `leaves`, a power of two of them, which are lost.
pub fn root(leaves: &mut [u8]) -> Node {
    let mut level = leaves;
    while level.len() > NODE {
        level = ascend(level);
    }
    let mut node = [0u8; NODE];
    node.copy_from_slice(level);
    node
}

/// Nodes over nothing but zeros, by their height above the leaves.
pub fn zero_nodes() -> Vec<Node> {
    let mut nodes = vec![[0u8; NODE]];
    for height in 1..MOST_LEVELS {
        let below: Node = nodes[height - 1];
        nodes.push(parent(&[below, below].concat()));
    }
    nodes
}
