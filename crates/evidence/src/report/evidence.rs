//! A journal read to its end and judged: what every report is made from.

use crate::analysis::{Analysis, Cases, cases};
use crate::gate::{Check, Gates, GatesError, Verdict, judge, overall};
use pii::PolicyError;
use record::{Header, Integrity, ReadError, Reader, Record};
use std::path::Path;

/// A journal, analysed and judged.
#[derive(Debug)]
pub struct Evidence {
    /// What it says.
    pub analysis: Analysis,
    /// What it was judged by.
    pub gates: Gates,
    /// Whether it is whole.
    pub integrity: Integrity,
    /// The gates, judged.
    pub checks: Vec<Check>,
    /// The verdict over all of them.
    pub verdict: Verdict,
}

/// Why a journal is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// It cannot be read, or was tampered with.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// The gates in its header are none.
    #[error("the gates in the journal's header: {0}")]
    Gates(#[from] GatesError),
    /// The PII policy in its header is none.
    #[error("the PII policy in the journal's header: {0}")]
    Policy(#[from] PolicyError),
}

impl Evidence {
    /// Whether the run was interrupted, or its journal cut off.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        !self.analysis.end.as_ref().is_some_and(|end| end.complete)
    }

    /// The cases of its webhooks, where a gate failed.
    pub(crate) fn failed_cases(&self) -> Option<Cases> {
        self.checks.iter().any(|check| check.verdict == Verdict::Fail).then(|| cases(&self.analysis))
    }

    /// Reads and judges a journal file.
    ///
    /// # Errors
    /// When it cannot be read, its chain is broken, or its header asks for what cannot be.
    pub fn open(path: &Path) -> Result<Self, EvidenceError> {
        let (header, reader) = Reader::open(path)?;
        Self::read(header, reader, |_| {})
    }

    /// Judges the records of `reader`; `watch` sees each of them first, so that whoever needs more reads only once.
    ///
    /// # Errors
    /// As for [`Evidence::open`].
    pub fn read(
        header: Header,
        reader: Reader,
        mut watch: impl FnMut(&Record),
    ) -> Result<Self, EvidenceError> {
        let gates = Gates::of_run(&header)?;
        let mut analysis = Analysis::new(header)?;
        let integrity = reader.for_each(|record| {
            watch(record);
            analysis.take(record);
        })?;
        Ok(Self::judged(analysis, gates, integrity))
    }

    /// The same; `watch` sees the text of each line as well, may alter the record before it is judged, and has a thread of its own.
    ///
    /// # Errors
    /// As for [`Evidence::open`].
    pub(crate) fn read_lines(
        header: Header,
        reader: Reader,
        watch: impl FnMut(&mut Record, &[u8]) + Send,
    ) -> Result<Self, EvidenceError> {
        let gates = Gates::of_run(&header)?;
        let mut analysis = Analysis::new(header)?;
        let integrity = reader.for_each_watched(watch, |record| analysis.take(record))?;
        Ok(Self::judged(analysis, gates, integrity))
    }

    fn judged(analysis: Analysis, gates: Gates, integrity: Integrity) -> Self {
        let checks = judge(&analysis, &gates);
        let cut_off = !analysis.end.as_ref().is_some_and(|end| end.complete);
        // Whatever half a run shows, it is no verdict on the whole.
        let verdict = if cut_off { Verdict::Unproven } else { overall(&checks) };
        Self { analysis, gates, integrity, checks, verdict }
    }
}
