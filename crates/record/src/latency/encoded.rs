//! A [`Latency`] as text that holds every count, for journals: what is decoded is what was encoded.

use super::{DIGITS, HIGHEST_US, LOWEST_US, Latency};
use crate::JsonSchema;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::{Serializer, V2Serializer};
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
/// Most samples of a histogram that is read: 19 a µs for an hour. The sum of as many histograms as a journal can have is still a count
/// that can be encoded, which is below 2^63.
const MOST_SAMPLES: u64 = 1 << 36;

impl Latency {
    /// All counts, and the exact figures.
    ///
    /// # Panics
    /// Never: a `Vec` takes all that is written to it.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "writing to a Vec cannot fail, and counts are below 2^63: those that are read are bounded"
    )]
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
        latency.add_encoded(encoded)?;
        Ok(latency)
    }

    /// Adds all counts of a histogram that was encoded, as [`Latency::add`] does, without making it first: a merge reads four
    /// for each second of each shard, and each would be 190 KB.
    ///
    /// # Errors
    /// As for [`Latency::decode`]; what stands before the mistake has been added.
    pub fn add_encoded(&mut self, encoded: &Encoded) -> Result<(), DecodeError> {
        if encoded.v2.is_empty() {
            return Ok(());
        }
        let bytes = BASE64.decode(&encoded.v2).map_err(|e| DecodeError::Base64(e.to_string()))?;
        check_bounds(&bytes)?;
        if encoded.min_us > encoded.max_us {
            return Err(wrong("its minimum is above its maximum"));
        }
        if self.add_counts(counts(&bytes)?)? {
            self.min_us = self.min_us.min(encoded.min_us);
            self.max_us = self.max_us.max(encoded.max_us);
            self.sum_us += u128::from(encoded.sum_us);
        }
        Ok(())
    }

    /// Adds the counts of a V2 encoding: each stands for the next bucket, a negative one for so many that are empty. Gives whether
    /// there was one.
    fn add_counts(&mut self, mut counts: &[u8]) -> Result<bool, DecodeError> {
        let (mut index, mut samples) = (0u64, 0u64);
        while !counts.is_empty() {
            let number = next_number(&mut counts).ok_or_else(|| wrong("it breaks off in a count"))?;
            let Ok(count) = u64::try_from(number) else {
                index = index.saturating_add(number.unsigned_abs());
                continue;
            };
            if count > 0 {
                if index >= self.buckets.distinct_values() as u64 {
                    return Err(wrong("more buckets than there are"));
                }
                samples = samples.saturating_add(count);
                if samples > MOST_SAMPLES {
                    return Err(wrong("more samples than can be measured"));
                }
                self.buckets.saturating_record_n(value_at(index), count);
            }
            index = index.saturating_add(1);
        }
        Ok(samples > 0)
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

/// How a V2 encoding begins (`V2EncodingCookieBase` with the size of a word that its counts are written in).
const COOKIE: u64 = 0x1c84_9313;

fn wrong(why: &str) -> DecodeError {
    DecodeError::Format(why.to_owned())
}

/// The bytes of the header from `from` to `to` as a number.
fn header_number(bytes: &[u8], from: usize, to: usize) -> u64 {
    bytes.get(from..to).unwrap_or_default().iter().fold(0, |n, &b| n << 8 | u64::from(b))
}

/// Looks at the bounds before anything is counted.
fn check_bounds(bytes: &[u8]) -> Result<(), DecodeError> {
    if bytes.len() < HEADER {
        return Err(wrong("too short"));
    }
    let number = |from, to| header_number(bytes, from, to);
    let same =
        number(12, 16) == u64::from(DIGITS) && number(16, 24) == LOWEST_US && number(24, 32) == HIGHEST_US;
    if same { Ok(()) } else { Err(DecodeError::Bounds) }
}

/// The counts behind the header, still encoded.
fn counts(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let number = |from, to| header_number(bytes, from, to);
    // No offset of the buckets, and values as they were recorded: no other is ever written.
    if number(0, 4) != COOKIE || number(8, 12) != 0 || number(32, 40) != 1f64.to_bits() {
        return Err(wrong("another version, or options that it does not have here"));
    }
    let length = usize::try_from(number(4, 8)).unwrap_or(usize::MAX);
    let end = HEADER.saturating_add(length);
    bytes.get(HEADER..end).ok_or_else(|| wrong("it breaks off"))
}

/// The number that `bytes` begins with (ZigZag LEB128-64b9B: at most nine bytes, the last of which is whole), taken off; `None`
/// where it breaks off.
fn next_number(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for place in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if place == 8 {
            value |= u64::from(byte) << 56;
            break;
        }
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

/// Half of the buckets that one power of two is divided into: of 2,048, the first power of two that tells 2 * 10^3 values
/// apart, as [`DIGITS`] asks.
const HALF: u64 = 1024;

/// The lowest value of the bucket with this index: as many of width 1 as there are, then so many halves of twice the width.
const fn value_at(index: u64) -> u64 {
    let (half, place) = (index / HALF, index % HALF);
    if half == 0 { place } else { (HALF + place) << (half - 1) }
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
        // A count behind the last bucket, and one that breaks off.
        for counts in [&[0xff, 0xff, 0x7f, 2][..], &[2, 0x80]] {
            let mut bytes = text[..HEADER].to_vec();
            bytes[7] = u8::try_from(counts.len()).unwrap();
            bytes.extend_from_slice(counts);
            assert!(matches!(of(&BASE64.encode(&bytes)), Err(DecodeError::Format(_))), "{counts:?}");
        }
    }

    /// Whoever writes a journal writes what he likes: no percentile and no sum of such figures may be without a meaning.
    #[test]
    fn figures_that_no_measurement_gives_are_refused() {
        let of = |count: u64| {
            let mut latency = Latency::new();
            latency.record_us(5);
            latency.buckets.record_n(5, count - 1).unwrap();
            latency.encode()
        };
        assert!(Latency::decode(&of(MOST_SAMPLES)).is_ok());
        assert!(matches!(Latency::decode(&of(MOST_SAMPLES + 1)), Err(DecodeError::Format(_))));
        let crossed = Encoded { min_us: 6, max_us: 5, ..of(2) };
        assert!(matches!(Latency::decode(&crossed), Err(DecodeError::Format(_))));
    }

    #[test]
    fn each_bucket_is_where_the_library_has_it() {
        let mut each = Latency::new();
        let all = each.buckets.distinct_values() as u64;
        (0..all).for_each(|index| each.buckets.record_n(value_at(index), index + 1).unwrap());
        (each.min_us, each.max_us) = (LOWEST_US, HIGHEST_US);
        let counts: Vec<u64> = each.buckets.iter_all().map(|bucket| bucket.count_at_value()).collect();
        assert!(counts.iter().zip(1..).all(|(count, n)| *count == n) && counts.len() as u64 == all);
        let other = BASE64.decode(each.encode().v2).unwrap();
        let read: hdrhistogram::Histogram<u64> =
            hdrhistogram::serialization::Deserializer::new().deserialize(&mut other.as_slice()).unwrap();
        assert_eq!(Latency::decode(&each.encode()).unwrap().buckets, read);
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

        #[test]
        fn what_is_encoded_adds_as_what_is_not(a in prop::collection::vec(0u64..700_000_000, 0..40),
                                               b in prop::collection::vec(0u64..700_000_000, 0..40)) {
            let of = |samples: &[u64]| {
                let mut latency = Latency::new();
                samples.iter().for_each(|&us| latency.record_us(us));
                latency
            };
            let (mut sum, mut decoded) = (of(&a), of(&a));
            sum.add(&of(&b));
            decoded.add_encoded(&of(&b).encode()).unwrap();
            prop_assert_eq!(sum, decoded);
        }
    }
}
