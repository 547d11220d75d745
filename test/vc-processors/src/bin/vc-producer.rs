//! `vc-producer <stage> BIN ARGS…`: starts a processor as damocles-worker does, sends it the tasks that come on stdin (one JSON
//! document a line) all at once, and prints `{"ok": output}` or `{"err": message}` for each, in the order of the tasks.

use std::io::{stdin, BufRead};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use sealyard_vc_processors_test::{AddPieces, Transfer, TreeD, C2};
use serde_json::json;
use vc_processors::core::{
    ext::{BoxedFinalizeHook, BoxedPrepareHook, ProducerBuilder},
    Processor, Task,
};

fn produce<T: Task>(bin: PathBuf, args: Vec<String>) -> Result<()> {
    let producer = ProducerBuilder::<BoxedPrepareHook<T>, BoxedFinalizeHook<T>>::new(bin, args)
        .stable_timeout(Duration::from_secs(60))
        .spawn::<T>()
        .context("start the processor")?;
    let producer = Arc::new(producer);
    let mut running = Vec::new();
    for line in stdin().lock().lines() {
        let task: T = serde_json::from_str(&line?).context("a task")?;
        let producer = producer.clone();
        running.push(thread::spawn(move || producer.process(task)));
    }
    for each in running {
        let outcome = match each.join().expect("a producer's thread") {
            Ok(output) => json!({ "ok": output }),
            Err(error) => json!({ "err": format!("{error:?}") }),
        };
        println!("{outcome}");
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let stage = args.next().context("no stage")?;
    let bin = PathBuf::from(args.next().context("no program")?);
    let args = args.collect();
    match stage.as_str() {
        "add_pieces" => produce::<AddPieces>(bin, args),
        "tree_d" => produce::<TreeD>(bin, args),
        "transfer" => produce::<Transfer>(bin, args),
        "c2" => produce::<C2>(bin, args),
        other => bail!("no such stage: {other:?}"),
    }
}
