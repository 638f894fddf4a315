//! A [`Latency`] as text that holds every count, for journals: what is decoded is what was encoded.

use super::{DIGITS, HIGHEST_US, LOWEST_US, Latency};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A latency histogram in a journal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encoded {
    /// The counts in HdrHistogram's V2 encoding, standard base64; empty without samples.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub v2: String,
    /// Exact minimum in µs.
    #[serde(default)]
    pub min_us: u64,
    /// Exact maximum in µs.
    #[serde(default)]
    pub max_us: u64,
    /// Exact sum in µs.
    #[serde(default)]
    pub sum_us: u64,
}

/// Why an encoded histogram is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not base64.
    #[error("a histogram that is not base64: {0}")]
    Base64(String),
    /// Not a V2 histogram.
    #[error("a histogram that is not in HdrHistogram's V2 encoding: {0}")]
    Format(String),
    /// Made with other bounds, so its counts cannot be added without loss.
    #[error("a histogram with other bounds than {LOWEST_US} to {HIGHEST_US} µs at {DIGITS} digits")]
    Bounds,
}

/// Length of the header of a V2 encoding in bytes, and where in it the digits and the two bounds stand
/// (HdrHistogram `org.HdrHistogram.AbstractHistogram`, `ENCODING_HEADER_SIZE`).
const HEADER: usize = 40;

impl Latency {
    /// All counts, and the exact figures.
    ///
    /// # Panics
    /// Never: a `Vec` takes all that is written to it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "writing to a Vec cannot fail, and counts fit in 63 bits")]
    pub fn encode(&self) -> Encoded {
        if self.count() == 0 {
            return Encoded::default();
        }
        let mut bytes = Vec::with_capacity(1024);
        V2Serializer::new().serialize(&self.buckets, &mut bytes).expect("writing to a Vec");
        Encoded {
            v2: BASE64.encode(bytes),
            min_us: self.min_us,
            max_us: self.max_us,
            sum_us: u64::try_from(self.sum_us).unwrap_or(u64::MAX),
        }
    }

    /// The histogram that was encoded.
    ///
    /// # Errors
    /// When the text is no V2 histogram with the bounds of [`Latency`].
    pub fn decode(encoded: &Encoded) -> Result<Self, DecodeError> {
        let mut latency = Self::new();
        if encoded.v2.is_empty() {
            return Ok(latency);
        }
        let bytes = BASE64.decode(&encoded.v2).map_err(|e| DecodeError::Base64(e.to_string()))?;
        check_bounds(&bytes)?;
        latency.buckets = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|e| DecodeError::Format(e.to_string()))?;
        latency.min_us = encoded.min_us;
        latency.max_us = encoded.max_us;
        latency.sum_us = u128::from(encoded.sum_us);
        Ok(latency)
    }
}

impl From<Latency> for Encoded {
    fn from(latency: Latency) -> Self {
        latency.encode()
    }
}

impl TryFrom<Encoded> for Latency {
    type Error = DecodeError;

    fn try_from(encoded: Encoded) -> Result<Self, DecodeError> {
        Self::decode(&encoded)
    }
}

/// Looks at the bounds before anything of that size is allocated.
fn check_bounds(bytes: &[u8]) -> Result<(), DecodeError> {
    let header = bytes.get(..HEADER).ok_or_else(|| DecodeError::Format("too short".to_owned()))?;
    let number = |from: usize, to: usize| {
        header.get(from..to).unwrap_or_default().iter().fold(0u64, |n, &b| n << 8 | u64::from(b))
    };
    let same =
        number(12, 16) == u64::from(DIGITS) && number(16, 24) == LOWEST_US && number(24, 32) == HIGHEST_US;
    if same { Ok(()) } else { Err(DecodeError::Bounds) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_histogram_is_refused() {
        let of = |v2: &str| Latency::decode(&Encoded { v2: v2.to_owned(), ..Encoded::default() });
        assert!(matches!(of("%%%"), Err(DecodeError::Base64(_))));
        assert!(matches!(of("AAAA"), Err(DecodeError::Format(_))));
        let other = hdrhistogram::Histogram::<u64>::new_with_bounds(1, u64::MAX / 4, 5).unwrap();
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&other, &mut bytes).unwrap();
        assert_eq!(of(&BASE64.encode(&bytes)).unwrap_err(), DecodeError::Bounds);
        let mut torn = Latency::new();
        torn.record_us(5);
        let text = BASE64.decode(torn.encode().v2).unwrap();
        assert!(matches!(of(&BASE64.encode(&text[..text.len() - 1])), Err(DecodeError::Format(_))));
    }

    proptest! {
        #[test]
        fn decoding_gives_back_every_count(samples in prop::collection::vec(0u64..700_000_000, 0..80)) {
            let mut latency = Latency::new();
            samples.iter().for_each(|&us| latency.record_us(us));
            let back = Latency::decode(&latency.encode()).unwrap();
            prop_assert_eq!(back.buckets(), latency.buckets());
            prop_assert_eq!(back.mean_us(), latency.mean_us());
            prop_assert_eq!((back.min_us(), back.max_us()), (latency.min_us(), latency.max_us()));
        }
    }
}
