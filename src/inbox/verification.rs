//! The judgement of signatures: at once what one HMAC says, and afterwards what may have gone wrong.

use super::diagnoser::Suspect;
use super::handler::Inbox;
use record::{Note, Record};
use signature::Verdict;
use std::time::Duration;
use wire::http1::RawRequest;

/// How long diagnoses that are outstanding are waited for when nothing more comes.
const DIAGNOSES: Duration = Duration::from_secs(3);

impl Inbox {
    /// Judges a signature, which is one HMAC; what to look into comes with it where the sender may have made a known mistake.
    pub(super) fn verify(&self, request: &RawRequest) -> (Verdict, Option<Suspect>) {
        self.look_at_clock();
        let now_ms = self.wall_time.of(request.received);
        let (Some(verifier), Some(diagnoser)) = (&self.config.verifier, &self.diagnoser) else {
            return (Verdict::unchecked(), None);
        };
        let (verdict, searched) = verifier.check_posted(
            (&request.method, &request.target),
            &request.headers,
            &request.body,
            now_ms,
        );
        diagnoser.saw(&request.body);
        let signature = || verifier.scheme().signature_header().and_then(|name| request.header(name));
        if verdict.reason.is_authentic()
            && let Some(header) = signature()
        {
            diagnoser.saw_signed(header);
        }
        let suspect =
            || Suspect { attempt: 0, headers: request.headers.clone(), body: request.body.clone(), now_ms };
        (verdict, searched.then(suspect))
    }

    /// Has a request that is in the journal diagnosed, after its answer.
    pub(super) fn look_into(&self, suspect: Option<Suspect>, attempt: u64) {
        let (Some(suspect), Some(diagnoser)) = (suspect, &self.diagnoser) else { return };
        let skipped = diagnoser.put(Suspect { attempt, ..suspect });
        if let Some(observer) = self.observer.as_ref().filter(|_| skipped > 0) {
            observer.undiagnosed(skipped);
        }
    }

    /// Waits for the diagnoses that are outstanding, once nothing more comes: they are part of the evidence.
    pub(super) async fn finish_diagnoses(&self) {
        self.tell_not_kept();
        let Some(diagnoser) = &self.diagnoser else { return };
        let left = diagnoser.finish(DIAGNOSES).await;
        if left > 0 {
            let text = format!("{left} invalid signatures were not diagnosed: there were too many");
            let _ = self.journal.append_soon(&Record::Note(Note { at: self.clock.now(), text }));
        }
    }

    /// Notes in the journal when the system's clock was stepped, or the machine slept.
    pub fn look_at_clock(&self) {
        let Some(parted) = self.wall_time.parted() else { return };
        if let Some(observer) = &self.observer {
            observer.clock_parted(parted.ahead_ms);
        }
        // A journal that cannot be written says so with the webhook that comes now.
        let _ = self.journal.append_wall_clock(parted);
    }
}
