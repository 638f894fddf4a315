//! Numbers that states give to persons, by their check digits: behind a label that has other meanings, or none but a blank after it,
//! only these tell such a number from any other.

/// A number without what groups it: letters before its digits, the digits, and a letter behind them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'n> {
    pub front: &'n str,
    pub digits: &'n str,
    pub letter: Option<u8>,
}

/// Which numbers a label may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// All that are known here: the label says that a state gave it.
    State,
    /// Those that one in a hundred others at most would pass for: they have a date, two check digits or letters.
    Telling,
    /// The resident's registration number of Korea; payments have an `rrn`, too.
    Korea,
    /// Chile's number, of a person or company.
    Chile,
    /// The tax number of a person in Portugal or Spain.
    Iberia,
    /// Canada's insurance number; `sin` is a word and a function, too.
    Canada,
}

/// Longest number, in digits.
const LONGEST: usize = 18;

/// One kind of number of a fixed length.
struct Scheme {
    length: usize,
    telling: bool,
    fits: fn(&[u32]) -> bool,
}

const fn scheme(length: usize, telling: bool, fits: fn(&[u32]) -> bool) -> Scheme {
    Scheme { length, telling, fits }
}

/// Numbers that are digits only.
static SCHEMES: [Scheme; 23] = [
    scheme(9, false, is_dutch),
    scheme(9, false, is_canadian),
    scheme(9, false, is_portuguese),
    scheme(10, true, is_swedish),
    scheme(10, true, is_bulgarian),
    scheme(10, true, is_czech),
    scheme(10, false, is_of_health_service),
    scheme(10, false, is_iranian),
    scheme(11, true, is_polish),
    scheme(11, true, is_turkish),
    scheme(11, true, is_brazilian),
    scheme(11, true, is_norwegian),
    scheme(11, true, is_belgian),
    scheme(11, true, is_baltic),
    scheme(11, false, is_german_or_croatian),
    scheme(12, true, |d| matches!(number(d, 0, 2), 18..=20) && is_swedish(d.get(2..).unwrap_or(&[]))),
    scheme(12, false, is_indian),
    scheme(13, true, is_korean),
    scheme(13, true, is_romanian),
    scheme(13, true, is_south_african),
    scheme(13, true, is_swiss),
    scheme(15, true, is_french),
    scheme(18, true, |d| is_chinese(d, d.get(17).copied().unwrap_or(0))),
];

impl Number<'_> {
    /// Whether its check digits are right for what the label says.
    pub fn fits(&self, label: Label) -> bool {
        if self.digits.len() > LONGEST || !self.digits.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        let mut room = [0; LONGEST];
        room.iter_mut().zip(self.digits.bytes()).for_each(|(to, b)| *to = u32::from(b - b'0'));
        let digits = room.get(..self.digits.len()).unwrap_or(&[]);
        match (label, self.front, self.letter) {
            (Label::Chile, "", letter) => is_chilean(digits, letter),
            (Label::Korea, "", None) => digits.len() == 13 && is_korean(digits),
            (Label::Canada, "", None) => digits.len() == 9 && is_canadian(digits),
            (Label::Iberia, "", None) => digits.len() == 9 && is_portuguese(digits),
            (Label::State | Label::Telling, "", None) => SCHEMES
                .iter()
                .filter(|own| own.length == digits.len() && (own.telling || label == Label::State))
                .any(|own| (own.fits)(digits)),
            (Label::Iberia, front, Some(letter)) => is_spanish(front, digits, letter),
            (Label::State | Label::Telling, front, Some(letter)) => {
                is_spanish(front, digits, letter)
                    || front.is_empty() && is_finnish(digits, letter)
                    || front.is_empty() && letter == b'X' && digits.len() == 17 && is_chinese(digits, 10)
                    || label == Label::State && is_british(front, digits, letter)
            }
            _ => false,
        }
    }
}

/// The number that `count` digits from `from` on make.
fn number(digits: &[u32], from: usize, count: usize) -> u32 {
    digits.iter().skip(from).take(count).fold(0, |number, digit| number * 10 + digit)
}

/// The digits, each times its weight, added up.
fn sum(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn digit(digits: &[u32], at: usize) -> u32 {
    digits.get(at).copied().unwrap_or(0)
}

fn is_day(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

fn are_alike(digits: &[u32]) -> bool {
    digits.windows(2).all(|two| two.first() == two.last())
}

/// Every second digit twice, from the end (Luhn).
fn is_luhn(digits: &[u32]) -> bool {
    let twice = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let each = digits.iter().rev().enumerate();
    each.map(|(at, digit)| if at % 2 == 1 { twice(*digit) } else { *digit }).sum::<u32>() % 10 == 0
}

/// Aadhaar: Verhoeff's check digit; the group of turns and flips of a pentagon.
fn is_indian(digits: &[u32]) -> bool {
    const TURNED: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let join = |a: u32, b: u32| match (a, b) {
        (0..5, 0..5) => (a + b) % 5,
        (0..5, _) => (a + b - 5) % 5 + 5,
        (_, 0..5) => (a - b) % 5 + 5,
        _ => (a + 5 - b) % 5,
    };
    let turned = |digit: u32, times: usize| {
        (0..times).fold(digit, |digit, _| TURNED.get(digit as usize).copied().unwrap_or(0))
    };
    let check =
        digits.iter().rev().enumerate().fold(0, |check, (at, digit)| join(check, turned(*digit, at % 8)));
    digit(digits, 0) >= 2 && check == 0
}

/// PESEL; the month says the century.
fn is_polish(digits: &[u32]) -> bool {
    let month = number(digits, 2, 2);
    is_day(month % 20, number(digits, 4, 2))
        && sum(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// T.C. Kimlik No.
fn is_turkish(digits: &[u32]) -> bool {
    let odd = sum(digits, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = sum(digits, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let first = (odd * 7 + 40 - even) % 10;
    digit(digits, 0) != 0 && digit(digits, 9) == first && digit(digits, 10) == (odd + even + first) % 10
}

/// CPF.
fn is_brazilian(digits: &[u32]) -> bool {
    let check = |weights: &[u32]| sum(digits, weights) * 10 % 11 % 10;
    !are_alike(digits)
        && digit(digits, 9) == check(&[10, 9, 8, 7, 6, 5, 4, 3, 2])
        && digit(digits, 10) == check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
}

/// Fødselsnummer; 40 is added to the day of those who do not live there.
fn is_norwegian(digits: &[u32]) -> bool {
    is_day(number(digits, 2, 2) % 40, number(digits, 0, 2) % 40)
        && sum(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && sum(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Rijksregisternummer; a 2 stands before it for those born from 2000 on.
fn is_belgian(digits: &[u32]) -> bool {
    let (own, check) = (u64::from(number(digits, 0, 9)), u64::from(number(digits, 9, 2)));
    is_day(number(digits, 2, 2) % 20, number(digits, 4, 2))
        && (97 - own % 97 == check || 97 - (2_000_000_000 + own) % 97 == check)
}

/// Isikukood and asmens kodas.
fn is_baltic(digits: &[u32]) -> bool {
    let first = sum(digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = sum(digits, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    matches!(digit(digits, 0), 1..=6)
        && is_day(number(digits, 3, 2), number(digits, 5, 2))
        && digit(digits, 10) == if first < 10 { first } else { second % 10 }
}

/// Steuer-ID and OIB (ISO/IEC 7064, MOD 11,10).
fn is_german_or_croatian(digits: &[u32]) -> bool {
    let own = digits.iter().take(10).fold(10, |rest, digit| {
        let sum = (rest + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    !are_alike(digits) && (11 - own) % 10 == digit(digits, 10)
}

/// Personnummer; 60 is added to the day of those who do not live there.
fn is_swedish(digits: &[u32]) -> bool {
    is_day(number(digits, 2, 2), number(digits, 4, 2) % 60) && is_luhn(digits)
}

/// ЕГН; the month says the century.
fn is_bulgarian(digits: &[u32]) -> bool {
    is_day(number(digits, 2, 2) % 20, number(digits, 4, 2))
        && sum(digits, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == digit(digits, 9)
}

/// Rodné číslo; 50 is added to the month of women.
fn is_czech(digits: &[u32]) -> bool {
    let own = number(digits, 0, 9) % 11 % 10;
    is_day(number(digits, 2, 2) % 50 % 20, number(digits, 4, 2)) && own == digit(digits, 9)
}

/// The NHS number.
fn is_of_health_service(digits: &[u32]) -> bool {
    !are_alike(digits) && sum(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// کد ملی.
fn is_iranian(digits: &[u32]) -> bool {
    let rest = sum(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    !are_alike(digits) && digit(digits, 9) == if rest < 2 { rest } else { 11 - rest }
}

/// BSN.
fn is_dutch(digits: &[u32]) -> bool {
    let check = digit(digits, 8);
    !are_alike(digits) && sum(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == check
}

/// SIN.
fn is_canadian(digits: &[u32]) -> bool {
    !are_alike(digits) && is_luhn(digits)
}

/// NIF of a person; those of companies begin with other digits.
fn is_portuguese(digits: &[u32]) -> bool {
    let rest = sum(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let person = matches!(number(digits, 0, 2), 10..=39 | 45);
    person && !are_alike(digits) && digit(digits, 8) == if rest < 2 { 0 } else { 11 - rest }
}

/// 주민등록번호.
fn is_korean(digits: &[u32]) -> bool {
    is_day(number(digits, 2, 2), number(digits, 4, 2))
        && (11 - sum(digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10 == digit(digits, 12)
}

/// CNP.
fn is_romanian(digits: &[u32]) -> bool {
    let rest = sum(digits, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    matches!(digit(digits, 0), 1..=8)
        && is_day(number(digits, 3, 2), number(digits, 5, 2))
        && digit(digits, 12) == if rest == 10 { 1 } else { rest }
}

fn is_south_african(digits: &[u32]) -> bool {
    is_day(number(digits, 2, 2), number(digits, 4, 2)) && digit(digits, 10) <= 1 && is_luhn(digits)
}

/// AHV, which all begin with the number of the country.
fn is_swiss(digits: &[u32]) -> bool {
    number(digits, 0, 3) == 756 && sum(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// NIR.
fn is_french(digits: &[u32]) -> bool {
    let own = digits.iter().take(13).fold(0u64, |own, digit| own * 10 + u64::from(*digit));
    let month = number(digits, 3, 2);
    matches!(digit(digits, 0), 1..=4 | 7 | 8)
        && matches!(month, 1..=12 | 20..=42 | 50..)
        && 97 - own % 97 == u64::from(number(digits, 13, 2))
}

/// 居民身份证 (GB 11643); its check is the last digit, or `X` for ten.
fn is_chinese(digits: &[u32], check: u32) -> bool {
    let own = sum(digits, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    matches!(number(digits, 6, 4), 1900..=2099)
        && is_day(number(digits, 10, 2), number(digits, 12, 2))
        && (own + check) % 11 == 1
}

/// RUT: its check is the last digit, or `K` for ten.
fn is_chilean(digits: &[u32], letter: Option<u8>) -> bool {
    let (own, check) = match (letter, digits.split_last()) {
        (Some(b'K'), _) => (digits, 10),
        (None, Some((check, own))) => (own, *check),
        _ => return false,
    };
    let weighted = own.iter().rev().zip([2, 3, 4, 5, 6, 7, 2, 3]).map(|(digit, weight)| digit * weight);
    matches!(own.len(), 7 | 8) && !are_alike(own) && (11 - weighted.sum::<u32>() % 11) % 11 == check
}

/// DNI, and the NIE of foreigners.
fn is_spanish(front: &str, digits: &[u32], letter: u8) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let (first, length) = match front {
        "" => (0, 8),
        "X" => (0, 7),
        "Y" => (10_000_000, 7),
        "Z" => (20_000_000, 7),
        _ => return false,
    };
    let own = number(digits, 0, 8) + first;
    digits.len() == length && LETTERS.get(own as usize % 23) == Some(&letter)
}

/// Henkilötunnus, when its check is a letter.
fn is_finnish(digits: &[u32], letter: u8) -> bool {
    const CHECKS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    digits.len() == 9
        && is_day(number(digits, 2, 2), number(digits, 0, 2))
        && CHECKS.get(number(digits, 0, 9) as usize % 31) == Some(&letter)
}

/// The National Insurance number, which has no check digit: its letters are few.
fn is_british(front: &str, digits: &[u32], letter: u8) -> bool {
    const NEVER: &str = "BG GB KN NK NT TN ZZ";
    let [first, second] = front.as_bytes() else { return false };
    digits.len() == 6
        && matches!(letter, b'A'..=b'D')
        && first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && !b"DFIQUV".contains(first)
        && !b"DFIOQUV".contains(second)
        && !NEVER.contains(front)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(label: Label, written: &str) -> bool {
        let first = written.find(|c: char| c.is_ascii_digit()).unwrap();
        let (front, rest) = written.split_at(first);
        let letter = rest.bytes().last().filter(u8::is_ascii_alphabetic);
        let digits = &rest[..rest.len() - usize::from(letter.is_some())];
        Number { front, digits, letter }.fits(label)
    }

    /// With another check digit or letter it is none.
    #[test]
    fn only_the_right_check_digit_fits() {
        for (label, right, wrong) in [
            (Label::State, "999941057058", "999941057059"),
            (Label::Telling, "44051401359", "44051401358"),
            (Label::Telling, "10000000146", "10000000147"),
            (Label::Telling, "52998224725", "52998224724"),
            (Label::Telling, "15076500565", "15076500564"),
            (Label::Telling, "85073003328", "85073003327"),
            (Label::Telling, "37605030299", "37605030298"),
            (Label::State, "86095742719", "86095742718"),
            (Label::Telling, "8112189876", "8112189875"),
            (Label::Telling, "198112189876", "198112189875"),
            (Label::Telling, "7523169263", "7523169262"),
            (Label::Telling, "7103192745", "7103192744"),
            (Label::State, "9434765919", "9434765918"),
            (Label::State, "0499370899", "0499370898"),
            (Label::State, "111222333", "111222334"),
            (Label::Canada, "130692544", "130692545"),
            (Label::Iberia, "123456789", "123456788"),
            (Label::Korea, "8803162458766", "8803162458761"),
            (Label::Telling, "1800101221144", "1800101221143"),
            (Label::Telling, "8001015009087", "8001015009086"),
            (Label::Telling, "7569217076985", "7569217076984"),
            (Label::Telling, "255081416802538", "255081416802537"),
            (Label::Telling, "11010519491231002X", "11010519491231003X"),
            (Label::Chile, "123456785", "123456784"),
            (Label::Chile, "7654333K", "7654334K"),
            (Label::Iberia, "12345678Z", "12345678A"),
            (Label::Telling, "X1234567L", "X1234567M"),
            (Label::Telling, "131052308T", "131052308U"),
            (Label::State, "JG103759A", "JG103759E"),
        ] {
            assert!(fits(label, right), "{right}");
            assert!(!fits(label, wrong), "{wrong}");
        }
    }

    #[test]
    fn one_check_digit_alone_tells_nothing() {
        for written in ["999941057058", "111222333", "130692544", "9434765919", "JG103759A"] {
            assert!(!fits(Label::Telling, written), "{written}");
        }
        // A company's.
        assert!(!fits(Label::Iberia, "501442600"));
    }
}
