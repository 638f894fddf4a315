//! The rows of flows that have not begun. A thread of their own reads a few ahead of the flows, so that none waits for a file, and no more: a
//! load plans up to a million of them.

use scenario::{DataError, Row, Rows};
use std::collections::BTreeMap;
use std::io;
use tokio::sync::{Mutex, mpsc};

/// Rows that are handed over at once.
const PORTION: usize = 256;
/// Portions that are read and wait.
const PORTIONS: usize = 4;

type Portion = Vec<(u32, Row)>;

/// The rows that are still to come.
pub(super) struct RowsAhead(Mutex<Ahead>);

struct Ahead {
    /// Those that have come and whose flows have not begun.
    here: BTreeMap<u32, Row>,
    coming: mpsc::Receiver<Result<Portion, DataError>>,
    /// Why none comes any more.
    broken: Option<String>,
}

impl RowsAhead {
    /// Begins to read the rows of the flows that are played here.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(rows: Rows, plays: impl Fn(u32) -> bool + Send + 'static) -> io::Result<Self> {
        let (to, coming) = mpsc::channel(PORTIONS);
        std::thread::Builder::new().name("rows".into()).spawn(move || read(&rows, plays, &to))?;
        Ok(Self(Mutex::new(Ahead { here: BTreeMap::new(), coming, broken: None })))
    }

    /// The row of a flow that begins; `None` when there is none, or it was taken. Flows have to begin about in order.
    ///
    /// # Errors
    /// Why the rows cannot be read any more.
    pub(super) async fn take(&self, flow: u32) -> Result<Option<Row>, String> {
        let mut ahead = self.0.lock().await;
        loop {
            if let Some(row) = ahead.here.remove(&flow) {
                return Ok(Some(row));
            }
            if !ahead.read_on().await? {
                return Ok(None);
            }
        }
    }

    /// The rows of the first `most` flows, which are not taken by this.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub(super) async fn first(&self, most: usize) -> Result<Portion, String> {
        let mut ahead = self.0.lock().await;
        while ahead.here.len() < most && ahead.read_on().await? {}
        Ok(ahead.here.iter().take(most).map(|(flow, row)| (*flow, row.clone())).collect())
    }
}

impl Ahead {
    /// Takes over the next portion; `false` behind the last one.
    async fn read_on(&mut self) -> Result<bool, String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        match self.coming.recv().await {
            Some(Ok(portion)) => self.here.extend(portion),
            Some(Err(error)) => return Err(self.broken.insert(error.to_string()).clone()),
            None => return Ok(false),
        }
        Ok(true)
    }
}

/// Hands over the rows until nobody takes them any more.
fn read(rows: &Rows, plays: impl Fn(u32) -> bool, to: &mpsc::Sender<Result<Portion, DataError>>) {
    let mut portion = Portion::new();
    let hand_over = |portion: &mut Portion| to.blocking_send(Ok(std::mem::take(portion))).is_ok();
    for (flow, row) in (0u32..).zip(rows.iter()) {
        match row {
            Ok(row) if plays(flow) => portion.push((flow, row)),
            Ok(_) => {}
            Err(error) => {
                let _ = hand_over(&mut portion) && to.blocking_send(Err(error)).is_ok();
                return;
            }
        }
        if portion.len() == PORTION && !hand_over(&mut portion) {
            return;
        }
    }
    hand_over(&mut portion);
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::{RunSettings, load_bytes};
    use std::collections::BTreeMap;
    use std::os::unix::fs::FileExt;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const ROWS: u32 = 20_000;

    /// So many rows, in a file.
    fn rows() -> (tempfile::NamedTempFile, Rows) {
        let file = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
        let lines: Vec<String> = (0..ROWS).map(|n| format!("{n},row {n:06}\n")).collect();
        file.as_file().write_all_at(format!("n,text\n{}", lines.concat()).as_bytes(), 0).unwrap();
        let text = "name: d\nsubject: { kind: flow, id: x }\ndata: { columns: [n] }\n\
                    steps: [{ name: a, request: { method: GET, path: / } }]\n";
        let scenario = load_bytes(text.as_bytes(), "s.yaml", Path::new(".")).unwrap().scenario;
        let settings = RunSettings {
            seed: 0,
            run_id: String::new(),
            now: Arc::new(chrono::Utc::now),
            env: Arc::new(|_| None),
            vars: BTreeMap::new(),
            dir: ".".into(),
            challenge: None,
        };
        let run = scenario::Run::new(&scenario, settings).unwrap();
        let rows = scenario::rows(&scenario, ROWS, 0, Some(file.path()), &run).unwrap();
        (file, rows)
    }

    fn number(row: Option<Row>) -> Option<u64> {
        row?.get("n")?.as_u64()
    }

    #[tokio::test]
    async fn rows_are_read_a_little_ahead_of_their_flows() {
        let (_file, rows) = rows();
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let ahead =
            RowsAhead::start(rows, move |_| counted.fetch_add(1, Ordering::SeqCst) < usize::MAX).unwrap();
        let first = ahead.first(25).await.unwrap();
        assert_eq!(first.iter().map(|(flow, _)| *flow).collect::<Vec<_>>(), (0..25).collect::<Vec<_>>());
        for flow in 0..ROWS {
            // Two that begin at the same time may come the other way round.
            let flow = if flow + 1 == ROWS && ROWS % 2 == 1 { flow } else { flow ^ 1 };
            assert_eq!(number(ahead.take(flow).await.unwrap()), Some(flow.into()));
            // A portion that has come, those that wait, one that is in the making.
            let most = flow as usize + PORTION * (PORTIONS + 2) + 2;
            assert!(read.load(Ordering::SeqCst) <= most, "at flow {flow}");
        }
        assert_eq!(ahead.take(7).await, Ok(None), "it was taken");
    }

    #[tokio::test]
    async fn a_shard_gets_its_own_rows() {
        let (_file, rows) = rows();
        let ahead = RowsAhead::start(rows, |flow| flow % 4 == 1).unwrap();
        assert_eq!(ahead.first(2).await.unwrap().iter().map(|(flow, _)| *flow).collect::<Vec<_>>(), [1, 5]);
        for flow in (1..ROWS).step_by(4) {
            assert_eq!(number(ahead.take(flow).await.unwrap()), Some(flow.into()));
        }
        assert_eq!(ahead.take(2).await, Ok(None), "another shard's");
    }

    #[tokio::test]
    async fn a_file_that_has_changed_since_it_was_checked_gives_no_more_rows() {
        let (file, rows) = rows();
        let end = file.as_file().metadata().unwrap().len() - 2;
        file.as_file().write_all_at(b"x", end).unwrap();
        let ahead = RowsAhead::start(rows, |_| true).unwrap();
        assert_eq!(number(ahead.take(0).await.unwrap()), Some(0));
        for _ in 0..2 {
            let told = ahead.take(ROWS - 1).await.unwrap_err();
            assert!(told.contains("the file has changed since its rows were checked"), "{told}");
        }
    }
}
