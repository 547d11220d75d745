//! Bit padding: every 254 bits of data become a field element of 256 bits, so 127 bytes become a block of four elements, 128 bytes.

pub const UNPADDED_BLOCK: usize = 127;
pub const PADDED_BLOCK: usize = 128;

type Words = [u128; PADDED_BLOCK / 16];

const LOW_126_BITS: u128 = u128::MAX >> 2;

fn words(block: &[u8; PADDED_BLOCK]) -> Words {
    std::array::from_fn(|word| u128::from_le_bytes(std::array::from_fn(|byte| block[word * 16 + byte])))
}

fn store(words: Words, block: &mut [u8]) {
    for (bytes, word) in block.chunks_mut(16).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]);
    }
}

/// The last of the 128 bytes is not looked at.
fn pad_block(block: &[u8; PADDED_BLOCK], padded: &mut [u8]) {
    let data = words(block);
    let mut out: Words = [0; 8];
    for element in 0..4 {
        let (low, high) = (2 * element, 2 * element + 1);
        if element == 0 {
            out[low] = data[0];
            out[high] = data[1] & LOW_126_BITS;
            continue;
        }
        let shift = 2 * element;
        out[low] = data[low - 1] >> (128 - shift) | data[low] << shift;
        out[high] = (data[low] >> (128 - shift) | data[high] << shift) & LOW_126_BITS;
    }
    store(out, padded);
}

fn unpad_block(block: &[u8; PADDED_BLOCK], unpadded: &mut [u8]) {
    let elements = words(block);
    let mut out: Words = [0; 8];
    for element in 0..4 {
        let (low, high) = (2 * element, 2 * element + 1);
        let shift = 2 * element;
        // The 126 bits of the upper half come after the shift, and the next element goes on behind them.
        let upper = if shift == 0 { 0 } else { elements[high] << (128 - shift) };
        out[low] = elements[low] >> shift | upper;
        let next = elements.get(high + 1).map_or(0, |following| following << (126 - shift));
        out[high] = elements[high] >> shift | next;
    }
    store(out, unpadded);
}

/// `unpadded` has a multiple of 127 bytes, `padded` as many blocks of 128.
pub fn pad(unpadded: &[u8], padded: &mut [u8]) {
    debug_assert_eq!(unpadded.len() / UNPADDED_BLOCK * PADDED_BLOCK, padded.len());
    for (index, out) in padded.chunks_exact_mut(PADDED_BLOCK).enumerate() {
        let at = index * UNPADDED_BLOCK;
        match unpadded.get(at..).and_then(|rest| rest.first_chunk::<PADDED_BLOCK>()) {
            Some(block) => pad_block(block, out),
            None => {
                let mut block = [0u8; PADDED_BLOCK];
                block[..UNPADDED_BLOCK].copy_from_slice(&unpadded[at..at + UNPADDED_BLOCK]);
                pad_block(&block, out);
            }
        }
    }
}

/// The reverse: `padded` has a multiple of 128 bytes, `unpadded` as many blocks of 127.
pub fn unpad(padded: &[u8], unpadded: &mut [u8]) {
    debug_assert_eq!(unpadded.len() / UNPADDED_BLOCK * PADDED_BLOCK, padded.len());
    let blocks = padded.chunks_exact(PADDED_BLOCK).filter_map(|block| block.first_chunk::<PADDED_BLOCK>());
    for (block, out) in blocks.zip(unpadded.chunks_exact_mut(UNPADDED_BLOCK)) {
        unpad_block(block, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_leaves_the_two_top_bits_of_each_element_free_and_is_undone() {
        let data: Vec<u8> = (0..UNPADDED_BLOCK * 5).map(|i| (i * 31 + 7) as u8 | 0x81).collect();
        let mut padded = vec![0u8; PADDED_BLOCK * 5];
        pad(&data, &mut padded);
        assert!(padded.chunks_exact(32).all(|element| element[31] & 0xc0 == 0));
        let mut back = vec![0u8; data.len()];
        unpad(&padded, &mut back);
        assert_eq!(back, data);
    }
}
