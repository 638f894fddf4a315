//! Country calling codes and how many digits follow them (ITU-T E.164 and the national plans).

use std::sync::LazyLock;

/// Code, fewest and most digits of a national number.
type Plan = (&'static str, usize, usize);

/// Plans by code. Codes are prefix-free, so at most one fits.
static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let row = |row: &'static str| {
        let (code, lengths) = row.split_once(':')?;
        let (least, most) = lengths.split_once('-').unwrap_or((lengths, lengths));
        Some((code, least.parse().ok()?, most.parse().ok()?))
    };
    CODES.split_ascii_whitespace().filter_map(row).collect()
});

/// The code, and the lengths of the numbers behind it.
const CODES: &str = "
1:10 7:10 20:8-10 27:9 30:10 31:9 32:8-9 33:9 34:9 36:8-9 39:8-11 40:9 41:9 43:7-13 44:9-10 45:8 46:7-10
47:8 48:9 49:7-12 51:8-9 52:10-11 53:8 54:10-11 55:10-11 56:9 57:8-10 58:10 60:8-10 61:9 62:8-12 63:8-10
64:8-10 65:8 66:8-9 81:9-10 82:8-11 84:9-10 86:10-11 90:10 91:10 92:9-10 93:9 94:9 95:7-10 98:10 211:9
212:9 213:8-9 216:8 218:9 220:7 233:9 234:8-10 251:9 254:9 255:9 256:9 260:9 263:9 351:9 352:6-9 353:7-9
354:7 356:8 357:8 358:7-11 359:8-9 370:8 371:8 372:7-8 380:9 381:8-9 385:8-9 386:8 420:9 421:9 852:8
853:8 855:8-9 856:8-10 880:8-10 886:8-9 960:7 961:7-8 962:8-9 965:8 966:8-9 971:8-9 972:8-9 974:8
977:8-10";

/// The length of the country calling code that `digits` begin with.
pub(super) fn code_len(digits: &str) -> Option<usize> {
    plan(digits).map(|(code, ..)| code.len()).or_else(|| {
        let rare = digits.get(..3)?;
        matches!(rare.as_bytes().first()?, b'2' | b'3' | b'4' | b'5' | b'6' | b'8' | b'9').then_some(3)
    })
}

/// Whether `digits` are a whole international number: a code and as many digits as its plan has.
pub(super) fn is_international(digits: &str) -> bool {
    match plan(digits) {
        Some((code, least, most)) => {
            let rest = digits.get(code.len()..).unwrap_or("");
            // Many write the trunk zero in brackets after the code: +44 (0)20 …
            let rest = if matches!(code, "44" | "49" | "880" | "61" | "31" | "33" | "41" | "43" | "32" | "46")
            {
                rest.strip_prefix('0').unwrap_or(rest)
            } else {
                rest
            };
            (least..=most).contains(&rest.len())
        }
        None => matches!(digits.as_bytes().first(), Some(b'2'..=b'9')) && (10..=13).contains(&digits.len()),
    }
}

/// The plan that `digits` begin with.
fn plan(digits: &str) -> Option<Plan> {
    PLANS.iter().copied().find(|(code, ..)| digits.starts_with(code))
}
