//! The JSON of some stages, for both ends of the processor protocol.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vc_processors::core::Task;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TreeD {
    pub registered_proof: String,
    pub staged_file: PathBuf,
    pub cache_dir: PathBuf,
}

impl Task for TreeD {
    const STAGE: &'static str = "tree_d";
    type Output = bool;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Store {
    pub name: String,
    pub meta: Option<HashMap<String, String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    pub store_name: Option<String>,
    pub uri: PathBuf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteOptions {
    pub is_dir: bool,
    pub allow_link: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    pub src: Place,
    pub dest: Place,
    pub opt: Option<RouteOptions>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transfer {
    pub stores: HashMap<String, Store>,
    pub routes: Vec<Route>,
}

impl Task for Transfer {
    const STAGE: &'static str = "transfer";
    type Output = bool;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PieceFile {
    Url(String),
    Local(PathBuf),
    Pledge,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Piece {
    pub piece_file: PieceFile,
    pub payload_size: u64,
    pub piece_size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PieceInfo {
    pub commitment: [u8; 32],
    pub size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddPieces {
    pub seal_proof_type: String,
    pub pieces: Vec<Piece>,
    pub staged_filepath: PathBuf,
}

impl Task for AddPieces {
    const STAGE: &'static str = "add_pieces";
    type Output = Vec<PieceInfo>;
}

/// `c1out` is as large as it comes and only passed through.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct C2 {
    pub c1out: serde_json::Value,
    pub prover_id: [u8; 32],
    pub sector_id: u64,
    pub miner_id: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct C2Output {
    pub proof: Vec<u8>,
}

impl Task for C2 {
    const STAGE: &'static str = "c2";
    type Output = C2Output;
}
