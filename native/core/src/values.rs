//! How bytes cross the border: 32-byte values as 64 hex digits, longer ones as base64.

use base64::{engine::general_purpose::STANDARD, Engine};
use filecoin_proofs_api::{PieceInfo, UnpaddedBytesAmount};
use serde::{de::Error, Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Failure, Outcome};

/// A commitment, prover id, ticket or seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash32(pub [u8; 32]);

impl Serialize for Hash32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hash32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(D::Error::custom(format!("expected 64 hex digits, found {} characters", digits.len())));
        }
        let mut bytes = [0u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or_else(|| D::Error::custom("expected hex digits"));
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Hash32(bytes))
    }
}

/// A proof, or the bytes of a vanilla proof.
#[derive(Clone, Debug)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes).map_err(|error| D::Error::custom(format!("expected base64: {error}")))
    }
}

/// A piece: its commitment and its size without padding (127 * 2^n bytes).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Piece {
    pub commitment: Hash32,
    pub size: u64,
}

pub fn piece_infos(pieces: &[Piece]) -> Outcome<Vec<PieceInfo>> {
    pieces
        .iter()
        .map(|piece| {
            PieceInfo::new(piece.commitment.0, UnpaddedBytesAmount(piece.size))
                .map_err(|error| Failure::argument(format!("a piece: {error}")))
        })
        .collect()
}

impl From<PieceInfo> for Piece {
    fn from(info: PieceInfo) -> Self {
        Piece { commitment: Hash32(info.commitment), size: u64::from(info.size) }
    }
}
