//! The metrics as text, made as often as a sixteenth of a core allows: whoever asks more often gets the text of a moment ago.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A text stays good for so many times as long as it took to make.
const REST: u32 = 15;
/// No text is older.
const OLDEST: Duration = Duration::from_secs(1);

/// One text, kept for a moment.
#[derive(Debug, Default)]
pub(super) struct Scrape(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    text: String,
    good_until: Instant,
}

impl Scrape {
    /// The text of a moment ago, else the one that `make` gives.
    pub(super) fn text(&self, make: impl FnOnce() -> String) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        if let Some(kept) = kept.as_ref().filter(|kept| begun < kept.good_until) {
            return kept.text.clone();
        }
        let text = make();
        let now = Instant::now();
        let good_until = now + (now.duration_since(begun) * REST).min(OLDEST);
        *kept = Some(Kept { text: text.clone(), good_until });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_took_long_to_make_is_given_again() {
        let (scrape, made) = (Scrape::default(), Cell::new(0));
        let slow = || {
            made.set(made.get() + 1);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(100) {
                std::hint::spin_loop();
            }
            made.get().to_string()
        };
        // Good for a second: within it nothing is made again.
        let begun = Instant::now();
        let texts: Vec<String> = (0..1000).map(|_| scrape.text(slow)).collect();
        let most = 2 + begun.elapsed().as_millis() / 1000;
        assert_eq!(texts[0], "1");
        assert!(made.get() <= most, "{} of {most}", made.get());
    }
}
