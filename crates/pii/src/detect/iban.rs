//! IBANs: the length of the country and a remainder of 1 modulo 97 (ISO 13616, ISO 7064 MOD 97-10).

use super::Kind;
use super::digits::Group;
use crate::category::Category;
use crate::hits::Hits;
use crate::keys::among;
use crate::text;
use std::sync::LazyLock;

/// An IBAN under a key that says so: its check sum decides as well.
pub(crate) static KIND: Kind = Kind {
    order: 50,
    key: |words| {
        (words.last == "iban" || words.prev == "iban" && matches!(words.last, "number" | "no")).then_some(0)
    },
    own_digits: |_| true,
    judge: |keyed, hits| hits.keyed(Category::Iban, under_key(keyed.value)),
    cover: Some(|view, hits, covered| {
        if view.digits >= 6 && view.text.len() >= 15 && view.text.bytes().any(|b| b.is_ascii_alphabetic()) {
            detect(view.text, view.groups, hits, |start, end| covered.push(start..end));
        }
    }),
    ..Kind::NONE
};

/// Countries and the length of their IBANs (SWIFT registry).
const LENGTHS: &str = "
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20
EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30
KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23
PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26
UA29 VA22 VG24 XK20 YE30";

/// Countries whose IBANs have digits only behind the country (SWIFT registry).
const DIGITS_ONLY: &str = "AE AT BA BE BI CR CZ DE DJ DK EE EG ES FI FO GL HR HU IL IS LT LY ME MN MR NO PL PT RS SD SE SI SK SO ST TL TN VA XK";

/// Where the groups of a UUID begin.
const UUID_GROUPS: [usize; 5] = [0, 9, 14, 19, 24];

/// Adds every IBAN in `text`, whose digits stand in `groups`, and calls `covered` with the bytes of each, and of what is written like one.
fn detect(text: &str, groups: &[Group], hits: &mut Hits, mut covered: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut until = 0;
    // Two letters stand before two digits.
    for at in
        groups.iter().filter(|(start, end)| end - start >= 2).filter_map(|(start, _)| start.checked_sub(2))
    {
        let head = bytes.get(at..at + 2).filter(|head| head.iter().all(u8::is_ascii_alphabetic));
        let Some([a, b]) = head.filter(|_| at >= until && at + 14 < bytes.len()) else { continue };
        if text::before(text, at).is_some_and(text::is_joining) {
            continue;
        }
        let Some(length) = length([*a, *b]) else { continue };
        hits.worked(length);
        if is_in_uuid(text, at) {
            continue;
        }
        let Some((compact, end)) = collect(text, at, length) else { continue };
        let valid = has_only_its_digits(&compact) && mod_97(&compact) == Some(1);
        if valid {
            hits.shape(Category::Iban, &compact);
        }
        if valid || text.get(at..end).is_some_and(is_written_like_one) {
            covered(at, end);
            until = end;
        }
    }
}

/// The length of the IBANs of a country.
fn length(code: [u8; 2]) -> Option<usize> {
    // Groups of digests begin with letters, too, so that it is asked often.
    static TABLE: LazyLock<[[u8; 26]; 26]> = LazyLock::new(|| {
        let mut table = [[0; 26]; 26];
        for row in LENGTHS.split_ascii_whitespace() {
            if let ([a, b, ..], Some(Ok(length))) = (row.as_bytes(), row.get(2..).map(str::parse)) {
                table[usize::from(a - b'A')][usize::from(b - b'A')] = length;
            }
        }
        table
    });
    let [a, b] = code.map(|b| usize::from(b.to_ascii_uppercase().wrapping_sub(b'A')));
    let length = TABLE.get(a)?.get(b)?;
    (*length > 0).then_some(usize::from(*length))
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
    (!text::after(text, end).is_some_and(text::is_joining)).then_some((compact, end))
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
        !among(DIGITS_ONLY, country) || rest.bytes().all(|b| b.is_ascii_digit())
    })
}

/// What stands under such a key may be of a country or length that no registry knows.
fn under_key(value: &str) -> Option<&str> {
    let value = value.trim();
    let compact: String = value.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let shape = compact.bytes().enumerate().all(|(at, b)| match at {
        0 | 1 => b.is_ascii_alphabetic(),
        2 | 3 => b.is_ascii_digit(),
        _ => b.is_ascii_alphanumeric(),
    });
    (shape && (14..=34).contains(&compact.len()) && mod_97(&compact) == Some(1)).then_some(value)
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
    use super::super::digits;
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<String> {
        let mut hits = Hits::default();
        detect(text, &digits::groups(text, 0), &mut hits, |_, _| {});
        hits.list.into_iter().map(|hit| hit.value).collect()
    }

    proptest! {
        #[test]
        fn one_is_found_wherever_it_stands(before in "[ -/:-~]{0,20}[ .(]", digits in "[0-9]{0,3}", after in "[ ,.)][ -~]{0,20}") {
            let text = format!("{before}de89370400440532013000 {digits}{after}");
            prop_assert!(found(&text).contains(&"DE89370400440532013000".to_owned()), "{text}");
        }
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
