//! IBANs: the length of the country and a remainder of 1 modulo 97 (ISO 13616, ISO 7064 MOD 97-10).

use crate::category::Category;
use crate::hits::Hits;
use crate::text;

/// Countries and the length of their IBANs (SWIFT registry).
const LENGTHS: [(&str, usize); 89] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// Countries whose IBANs have digits only behind the country (SWIFT registry).
const DIGITS_ONLY: [&str; 39] = [
    "AE", "AT", "BA", "BE", "BI", "CR", "CZ", "DE", "DJ", "DK", "EE", "EG", "ES", "FI", "FO", "GL", "HR",
    "HU", "IL", "IS", "LT", "LY", "ME", "MN", "MR", "NO", "PL", "PT", "RS", "SD", "SE", "SI", "SK", "SO",
    "ST", "TL", "TN", "VA", "XK",
];
/// Where the groups of a UUID begin.
const UUID_GROUPS: [usize; 5] = [0, 9, 14, 19, 24];

/// Adds every IBAN in `text`, and calls `covered` with the bytes of each, and of what is written like one.
pub(crate) fn detect(text: &str, hits: &mut Hits, mut covered: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + 14 < bytes.len() {
        let Some([a, b, c, d]) = bytes.get(at..at + 4) else { break };
        let head =
            a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit();
        if !head || text::before(text, at).is_some_and(text::is_wordy) {
            at += 1;
            continue;
        }
        let Some(length) = length([*a, *b]) else {
            at += 1;
            continue;
        };
        hits.worked(length);
        if is_in_uuid(text, at) {
            at += 1;
        } else if let Some((compact, end)) = collect(text, at, length) {
            let valid = has_only_its_digits(&compact) && mod_97(&compact) == Some(1);
            if valid {
                hits.shape(Category::Iban, &compact);
            }
            if valid || text.get(at..end).is_some_and(is_written_like_one) {
                covered(at, end);
                at = end;
            } else {
                at += 1;
            }
        } else {
            at += 1;
        }
    }
}

/// The length of the IBANs of a country.
fn length(code: [u8; 2]) -> Option<usize> {
    let code = code.map(|b| b.to_ascii_uppercase());
    LENGTHS.iter().find(|(name, _)| name.as_bytes() == code).map(|(_, n)| *n)
}

/// Whether a group of a UUID begins at `at`: one in some eight thousand has the sum of an IBAN.
fn is_in_uuid(text: &str, at: usize) -> bool {
    let starts = UUID_GROUPS.iter().filter_map(|group| at.checked_sub(*group));
    starts.filter_map(|start| text.get(start..start + 36)).any(text::is_uuid)
}

/// `length` letters and digits from `at` on, with single blanks or hyphens between groups, and where they end.
fn collect(text: &str, at: usize, length: usize) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let mut compact = String::with_capacity(length);
    let mut end = at;
    let mut group = 0;
    while compact.len() < length {
        let b = *bytes.get(end)?;
        if b.is_ascii_alphanumeric() {
            compact.push(char::from(b.to_ascii_uppercase()));
            group += 1;
        } else if matches!(b, b' ' | b'-' | b'.') && group >= 2 {
            group = 0;
        } else {
            return None;
        }
        end += 1;
    }
    (!text::after(text, end).is_some_and(text::is_wordy)).then_some((compact, end))
}

/// In one piece or in groups of four, the last perhaps shorter, with letters of one case.
fn is_written_like_one(text: &str) -> bool {
    let mut groups = text.split([' ', '-', '.']).rev();
    let last = groups.next().map_or(0, str::len);
    let solid = last == text.len();
    let grouped = last <= 4 && groups.all(|group| group.len() == 4);
    let upper = text.bytes().any(|b| b.is_ascii_uppercase());
    let lower = text.bytes().any(|b| b.is_ascii_lowercase());
    (solid || grouped) && !(upper && lower)
}

/// No letter stands where the country has digits only, as one does in a hex string.
fn has_only_its_digits(compact: &str) -> bool {
    compact.split_at_checked(2).is_some_and(|(country, rest)| {
        !DIGITS_ONLY.contains(&country) || rest.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The remainder modulo 97 with the first four characters moved to the end, letters as 10 to 35.
fn mod_97(compact: &str) -> Option<u32> {
    let (head, body) = compact.split_at_checked(4)?;
    body.chars().chain(head.chars()).try_fold(0u32, |rest, c| {
        let digit = c.to_digit(36)?;
        Some(if digit < 10 { (rest * 10 + digit) % 97 } else { (rest * 100 + digit) % 97 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut hits = Hits::default();
        detect(text, &mut hits, |_, _| {});
        hits.list.into_iter().map(|hit| hit.value).collect()
    }

    #[test]
    fn plain_and_grouped() {
        for (text, iban) in [
            ("pay to DE89370400440532013000.", "DE89370400440532013000"),
            ("GB29 NWBK 6016 1331 9268 19, thanks", "GB29NWBK60161331926819"),
            ("be68-5390-0754-7034", "BE68539007547034"),
        ] {
            assert_eq!(found(text), [iban], "{text}");
        }
        assert!(found("DE89370400440532013001").is_empty());
    }

    /// Ids that have the sum of an IBAN by chance, as one UUID in some eight thousand does.
    #[test]
    fn ids_of_hex_digits_are_none() {
        for id in [
            "ee9756de-8ab8-4923-b154-c3799eb5be7e",
            "70384a09-07db-4ed8-be44-a918eb4107d0",
            "c7b0c07a-e253-49da-be86-839bde82f0e5",
            "09b3eb99-abf4-49d6-be16-6db9b1c7b005",
            "ee2535c17ebf94a8079b",
        ] {
            for text in
                [id.to_owned(), id.to_uppercase(), format!("/matches/{id}/"), format!("webhook_id={id}")]
            {
                assert!(found(&text).is_empty(), "{text}");
            }
        }
    }
}
