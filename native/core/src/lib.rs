//! The Filecoin proofs behind one door: [`call`] takes the name of a method and a JSON request and answers with a JSON envelope,
//! `{"ok":true,"value":…}` or `{"ok":false,"error":{code,message,causes,faultySectors?}}`. It never panics.
//!
//! Every method is one non-generic function here, so that whoever links this crate does not instantiate the proofs again.

mod aggregate;
mod error;
mod files;
mod guard;
mod parameters;
mod pieces;
mod post;
mod running;
mod seal;
mod settings;
mod unseal;
mod update;
mod values;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use error::{Code, Failure, Outcome};

const OK: &[u8] = br#"{"ok":true,"value":"#;

/// Reads the request, runs the method, and writes its value straight into the envelope: a C1 output has many megabytes.
fn run<I: DeserializeOwned, O: Serialize>(request: &str, method: impl FnOnce(I) -> Outcome<O>) -> Outcome<Vec<u8>> {
    let input = serde_json::from_str(request)
        .map_err(|error| Failure::argument(format!("the request does not fit: {error}")))?;
    let output = method(input)?;
    let mut envelope = OK.to_vec();
    serde_json::to_writer(&mut envelope, &output)
        .map_err(|error| Failure::new(Code::Proofs, format!("the result cannot be written: {error}")))?;
    envelope.push(b'}');
    Ok(envelope)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SelfTest {
    message: String,
    in_thread_pool: bool,
}

/// Panics on purpose: the self-test that shows that a panic is an error and the process goes on.
fn panic_for_test(request: SelfTest) -> Outcome<()> {
    if request.in_thread_pool {
        rayon::join(|| panic!("{}", request.message), || ());
        return Ok(());
    }
    panic!("{}", request.message)
}

fn dispatch(method: &str, request: &str) -> Outcome<Vec<u8>> {
    match method {
        "configure" => return run(request, settings::configure),
        "version" => return run(request, |_: Nothing| settings::version()),
        "parametersRunning" => return run(request, |_: Nothing| Ok(parameters::running())),
        "parametersCancel" => return run(request, |_: Nothing| parameters::cancel()),
        "runningCalls" => return run(request, |_: Nothing| Ok(running::running_calls())),
        "panicForTest" => return run(request, panic_for_test),
        _ => settings::mark_read(),
    }
    match method {
        "addPiece" => run(request, pieces::add_piece),
        "writeAndPreprocess" => run(request, pieces::write_and_preprocess),
        "pieceCommitment" => run(request, pieces::piece_commitment),
        "unsealedCommitment" => run(request, pieces::unsealed_commitment),
        "treeD" => run(request, pieces::tree_d),
        "pc1" => run(request, seal::pre_commit1),
        "pc2" => run(request, seal::pre_commit2),
        "syntheticProofs" => run(request, seal::synthetic_proofs),
        "clearSyntheticProofs" => run(request, seal::clear_synthetic_proofs),
        "clearCache" => run(request, seal::clear_cache),
        "c1" => run(request, seal::commit1),
        "c2" => run(request, seal::commit2),
        "verifySeal" => run(request, seal::verify_seal),
        "aggregate" => run(request, aggregate::aggregate),
        "verifyAggregate" => run(request, aggregate::verify_aggregate),
        "unseal" => run(request, unseal::unseal),
        "updateEncode" => run(request, update::encode),
        "updateDecode" => run(request, update::decode),
        "updatePartitionProofs" => run(request, update::partition_proofs),
        "updateVerifyPartitionProofs" => run(request, update::verify_partition_proofs),
        "updateProveWithVanilla" => run(request, update::prove_with_vanilla),
        "updateProve" => run(request, update::prove),
        "updateVerify" => run(request, update::verify),
        "fallbackChallenges" => run(request, post::fallback_challenges),
        "postVanillaProof" => run(request, post::single_vanilla),
        "postVanillaProofs" => run(request, post::vanilla_proofs),
        "windowPost" => run(request, post::window),
        "windowPostWithVanilla" => run(request, post::window_from_vanilla),
        "windowPostPartition" => run(request, post::window_partition),
        "windowPostPartitions" => run(request, post::window_partitions),
        "verifyWindowPost" => run(request, post::verify_window),
        "winningChallenge" => run(request, post::winning_challenge),
        "winningPost" => run(request, post::winning),
        "winningPostWithVanilla" => run(request, post::winning_from_vanilla),
        "verifyWinningPost" => run(request, post::verify_winning),
        "parametersReport" => run(request, parameters::report),
        "parametersGenerate" => run(request, parameters::generate),
        "parametersManifest" => run(request, parameters::manifest),
        "circuitSize" => run(request, parameters::circuit_size),
        "srsReport" => run(request, parameters::srs_report),
        "srsGenerate" => run(request, parameters::generate_srs),
        other => Err(Failure::new(Code::UnknownMethod, format!("unknown method {other:?}"))),
    }
}

/// Runs a method on the calling thread. Many threads may call at once.
pub fn call(method: &str, request: &str) -> String {
    let outcome = guard::guarded(|| dispatch(method, request));
    match outcome {
        // Safety: serde_json writes UTF-8.
        Ok(envelope) => unsafe { String::from_utf8_unchecked(envelope) },
        Err(failure) => format!(
            r#"{{"ok":false,"error":{}}}"#,
            serde_json::to_string(&failure).unwrap_or_else(|_| {
                r#"{"code":"PROOFS","message":"an error that cannot be written","causes":[]}"#.into()
            })
        ),
    }
}
