//! The live judge of an observation: the same analysis and triggers as over the finished journal.

use crate::analysis::Analysis;
use crate::clock::Tick;
use crate::gate::{Gates, triggers};
use crate::journal::Record;
use crate::logs::Fold;
use crate::observe::{Fired, Judge};
use serde_json::Value;

/// Analysis, gates and log of a window.
pub(super) struct Live<'f> {
    pub analysis: Analysis,
    pub gates: Gates,
    pub fold: Fold<'f>,
}

impl Judge for Live<'_> {
    fn take(&mut self, record: &Record) {
        self.analysis.take(record);
    }

    fn fired(&mut self, now: Tick) -> Vec<Fired> {
        // Silence is a fact too: the analysis knows how far the time has come.
        self.analysis.latest = self.analysis.latest.max(now);
        let all = triggers(&self.analysis, &self.gates).into_iter();
        all.map(|t| Fired { id: t.id, evidence: t.evidence }).collect()
    }

    fn read_log(&mut self, lines: &[String]) -> Value {
        lines.iter().for_each(|line| self.fold.take(Some(line)));
        serde_json::to_value(self.fold.summary()).unwrap_or_default()
    }
}
