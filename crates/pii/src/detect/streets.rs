//! What makes a text the street line of an address: a house number with a street, block or village, in any country or script.

use crate::keys::{WordSet, among, word_set};
use crate::text;
use regex::Regex;
use std::sync::LazyLock;

/// Words for streets and what stands on them, in lower case without dots.
static STREETS: WordSet = LazyLock::new(|| word_set(STREET_WORDS));
const STREET_WORDS: &str = "street st road rd avenue ave av lane ln drive dr close court ct place pl way boulevard blvd crescent cres \
terrace terr square sq gardens grove hill highway hwy parkway pkwy circle cir row mews walk trail loop alley quay plaza \
point bypass mall expressway turnpike pike path view heights park extension extn cross main nagar colony sector phase \
society enclave vihar bagh marg chowk gali galli path bazar bazaar para mohalla mahalla goli sarani sarak sharak \
village vill gram union thana upazila ward taluka mouza tola town estate layout \
house flat apt apartment plot holding unit suite ste villa block blk building bldg tower room floor fl door shop hno \
calle c avda avenida carrer carrera cra cl paseo plaza camino ronda travesia travesía pasaje transversal diagonal calzada colonia col manzana mz lote \
rue chemin allée allee impasse quai cours faubourg ruelle sentier résidence bâtiment bat appartement étage \
straße strasse str weg gasse platz haus wohnung hof via viale piazza corso vicolo largo strada piazzale \
rua travessa alameda rodovia praça praca quadra lote bairro apto bloco casa andar \
ul ulica al aleja pl plac os osiedle m lok mieszkanie ulice náměstí nám třída utca út u tér körút krt \
sokak sok sokağı cadde cad caddesi cd bulvarı blv mah mahallesi mahalle daire kat apartmanı apt no \
jl jalan gg gang blok rt rw dusun desa kel kec perum komplek kavling no lorong jln taman persiaran soi thanon ถ ต ม เลขที่ บ้านเลขที่ ถนน ซอย หมู่ ตำบล \
ул улица пр проспект пер переулок шоссе бульвар набережная пл площадь дом д кв корп квартира вул вулиця провулок \
оδός οδος οδός λεωφόρος λεωφ οδ gata gatan gate vei veien väg vägen vej gade katu tie straat laan plein weg kade gracht \
শারক সড়ক রোড রাস্তা লেন গলি বাড়ি বাসা ফ্ল্যাট প্লট হোল্ডিং ব্লক সেক্টর গ্রাম পাড়া মহল্লা মোড় তলা \
मार्ग सड़क गली मकान फ्लैट प्लॉट सेक्टर नगर कॉलोनी रोड मोहल्ला ब्लॉक भवन मंज़िल \
شارع طريق حي بناية شقة مبنى عمارة خیابان کوچه پلاک گلی مکان سڑک سٹریٹ רחוב שדרות דירה \
đường phố ngõ ngách hẻm số phường quận thôn duong pho ngo hem so \
ქ ქუჩა გამზირი გამზ փողոց küçəsi küçə canale";

/// Words for streets behind which no number of a house stands.
const NUMBER_FIRST: &str = "street road lane drive way hill park court close square gardens grove highway circle walk trail alley mews \
point path view heights house tower village town estate union cross main field floor room shop building block sector phase";

/// Parts of a house, which with a number are no address yet: `Floor 3`.
const UNITS: &str = "flat apt apartment unit suite ste room floor fl level door piso planta étage etage stock apto andar dept stage st nd rd th dpto depto \
ফ্ল্যাট তলা lantai lt daire kat mieszkanie lok кв этаж";

/// Words that alone, with a number, stand before a house or flat number.
const NUMBERED: &str = "house flat apt apartment plot holding unit suite ste villa block blk building bldg room floor door hno no nr № num n \
haus wohnung piso planta daire kat apto appartement lote manzana lok rt rw kav blok d дом кв корп д км бул \
বাড়ি বাসা ফ্ল্যাট প্লট হোল্ডিং ব্লক মকান मकान फ्लैट प्लॉट road rd street lane sector avenue ward h p";

/// Endings of street names that are written as one word.
const ENDINGS: &str = "straße strasse str weg gasse platz allee ufer damm ring steig pfad stieg gatan vägen gränd torget vej gade veien \
gata gaten straat laan plein kade gracht dijk steeg singel hof katu tie kuja utca dori chome gil daero";

/// Letters of scripts that write streets and numbers without blanks.
static EASTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?x)[0-9]+\s?(?:号|號|番地|番|丁目|弄|巷|段|번지|호|동|층|棟|樓|楼|室)|(?:路|街|道|町|区|區|市|弄|巷|목|로|길)\s?[0-9]+|[\p{Han}\p{Hiragana}\p{Katakana}]\s?[0-9]{1,4}-[0-9]{1,4}(?:-[0-9]{1,4})?|\p{Hangul}+(?:로|길)\s[0-9]+").ok()
});

/// Postal codes of the countries that have letters or marks in them, and any with four digits and more.
static POSTCODES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)〒\s?[0-9]{3}-?[0-9]{4}|(?-u:\b)[A-Z]{1,2}[0-9][A-Z0-9]?\ [0-9][A-Z]{2}(?-u:\b)|(?-u:\b)[A-Z][0-9][A-Z]\ ?[0-9][A-Z][0-9](?-u:\b)|(?-u:\b)[0-9]{4}\ [A-Z]{2}(?-u:\b)
        |(?-u:\b)[0-9]{5}-[0-9]{3,4}(?-u:\b)|(?-u:\b)[0-9]{2}-[0-9]{3}(?-u:\b)|(?-u:\b)[0-9]{3}-[0-9]{4}(?-u:\b)|(?-u:\b)[A-Z]{1,3}-[0-9]{4,6}(?-u:\b)|(?-u:\b)[0-9]{3}\ [0-9]{2,3}(?-u:\b)|(?-u:\b)[0-9]{4,7}(?-u:\b)",
    )
    .ok()
});

/// A number of a house, and what touches it.
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^\p{L}\p{M}0-9])(?P<number>(?:#|№|[A-Za-z]-?|[A-Za-z]{2,3}-)?[0-9]{1,5}(?:[/-][A-Za-z0-9]{1,5})*(?:[A-Za-z]{1,2})?)(?:$|[^\p{L}\p{M}0-9])").ok()
});

/// How sure a text must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bar {
    /// Its key says that it is a street.
    Street,
    /// Its key says that it is an address.
    Keyed,
    /// Its key says that it is a line, of an address or of anything.
    Line,
    /// Only words around it do.
    Prose,
}

/// Whether `value` begins with, or is, a street line.
pub(super) fn is_street_line(value: &str, bar: Bar) -> bool {
    let lower = value.to_lowercase();
    let digits = value.bytes().any(|b| b.is_ascii_digit());
    if !digits || value.len() > 400 || !value.chars().any(char::is_alphabetic) {
        return false;
    }
    if !value.is_ascii() && EASTERN.as_ref().is_some_and(|e| e.is_match(value)) {
        return true;
    }
    let words: Vec<&str> = lower.split(|c: char| !text::is_wordy(c)).filter(|w| !w.is_empty()).collect();
    let number = |w: &str| w.starts_with(|c: char| c.is_ascii_digit());
    if words.iter().all(|w| {
        among(UNITS, w.trim_start_matches(|c: char| c.is_ascii_digit()))
            || w.chars().count() <= 4 && number(w)
            || w.chars().count() == 1
    }) {
        return false;
    }
    let told = matches!(bar, Bar::Prose | Bar::Line);
    if told && !starts_soon(&words) {
        return false;
    }
    let street = words.iter().any(|w| is_street(w));
    let in_short = || bar == Bar::Line && street && is_in_names(value);
    if told && !(street && is_told(value) || is_listed(value) || in_short()) {
        return false;
    }
    let bare = POSTCODES.as_ref().map_or_else(|| value.into(), |p| p.replace_all(value, " "));
    let house = NUMBER.as_ref().is_some_and(|n| n.is_match(&bare));
    let house = house || street && has_long_number(&lower);
    let leading =
        lower.trim_start_matches(|c: char| !c.is_alphanumeric()).starts_with(|c: char| c.is_ascii_digit());
    // `4666 Juniper Ave`: a number that looks like a postal code, but stands before a street.
    let long = leading && street && words.iter().take(6).any(|w| STREETS.contains(*w));
    if told {
        return house || long;
    }
    let numbered = words.windows(2).any(|w| {
        matches!(w, [word, number] if among(NUMBERED, word) && number.starts_with(|c: char| c.is_ascii_digit()))
    });
    long || leading && ends_in_suffix(&lower)
        || house && (street || numbered || is_placed(bare.trim()))
        || (bar == Bar::Street || has_postcode_apart(value)) && is_placed(value)
}

/// Further words that streets of America end in (USPS Publication 28, appendix C1), but for those that many towns end in: behind a
/// number and a name they make a street line.
const SUFFIXES: &str = "avn bend bluff bluffs bottom branch bridge brook brooks burg burgs camp canyon cape causeway \
center centers cliff cliffs club common commons corner corners course cove coves creek crest crossing crossroad curve \
dale dam divide estates fields flat flats ford fords forest forge forges fork forks fort freeway garden gateway glen \
glens green greens groves haven hills hollow inlet isle junction junctions key keys knoll knolls land landing light \
lights locks lodge loops manor manors meadow meadows mill mills mission motorway mount mountain mountains neck \
orchard oval overpass parks pass passage pine pines plain plains plazas prairie ports port radial ramp ranch rapid \
rapids rest ridge ridges river route rue run shoal shoals shore shores skyway spur spurs stravenue stream summit \
throughway trace track trafficway trails tunnel tunnels turnpike underpass unions valleys via viaduct views villages \
ville vista walks wall ways well wells wynd";

/// Number, a name of up to three words, and one of [`SUFFIXES`] at the end of the line: `41819 Robinson Shoal`.
fn ends_in_suffix(lower: &str) -> bool {
    let line = lower.split([',', '\n']).next().unwrap_or("");
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |word: &str| word.len() <= 6 && word.bytes().all(|b| b.is_ascii_digit());
    matches!(words.as_slice(), [first, _, .., last] if (3..=5).contains(&words.len()) && number(first) && among(SUFFIXES, last))
}

/// Several parts of names and numbers, as no sentence has them: `Al Wasl Road, Villa 22, Dubai`.
fn is_in_names(value: &str) -> bool {
    let spoken = |word: &str| {
        word.len() > 4 && word.starts_with(|c: char| c.is_ascii_lowercase())
            || among("to of in at on the for", word)
    };
    value.contains(',') && !value.split_whitespace().any(spoken)
}

/// Behind the line with the first number stands another with a postal code: `3814 Gomez Port, Lake Suzanne, TX 28008`.
fn has_postcode_apart(value: &str) -> bool {
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    let mut parts = value.split([',', '\n']).skip_while(|part| digits(part) == 0).skip(1);
    parts.any(|part| digits(part) >= 4)
}

/// A house number of four digits behind its street: `Av. Paulista 1578`, `Rua Augusta, 1500, São Paulo`.
fn has_long_number(lower: &str) -> bool {
    let parts: Vec<&str> = lower.split(',').flat_map(|part| part.split(" - ")).map(str::trim).collect();
    let number = |w: &str| w.len() == 4 && w.bytes().all(|b| b.is_ascii_digit());
    // English has the number in front: `Road to Glory 2029` is a title.
    let street = |part: &str| {
        part.split(|c: char| !text::is_wordy(c)).any(|w| STREETS.contains(w) && !among(NUMBER_FIRST, w))
    };
    parts.iter().enumerate().any(|(at, part)| {
        let last = part.rsplit(' ').next().unwrap_or("");
        number(last)
            && (part.len() > 5 && street(part)
                || part.len() == 4
                    && at + 1 < parts.len()
                    && at > 0
                    && street(parts.get(at - 1).unwrap_or(&"")))
    })
}

/// The number stands before or behind a name: `221 Baker`, `Ahornweg 185`, `15/5 Prabhat`.
fn is_placed(bare: &str) -> bool {
    let mut before = "";
    let mut first = true;
    for piece in bare.split([',', '\n', ';']) {
        let tokens: Vec<&str> = piece.split_whitespace().collect();
        let number = |t: &&str| {
            let t = t.trim_start_matches('#');
            t.starts_with(|c: char| c.is_ascii_digit()) && t.len() <= 9
                || t.len() <= 6
                    && t.contains('-')
                    && t.ends_with(|c: char| c.is_ascii_digit())
                    && t.find('-') == Some(1)
        };
        let name = |t: &&str| t.chars().filter(|c| c.is_alphabetic()).count() >= 2;
        let fits = match tokens.as_slice() {
            [n, w, ..] if number(n) && name(w) => true,
            [.., w, n] if name(w) && number(n) => true,
            [n] if number(n) => first || !before.is_empty(),
            _ => false,
        };
        if fits && !(tokens.len() == 1 && !first && bare.split([',', '\n', ';']).count() < 2) {
            return true;
        }
        before = piece.trim();
        first = false;
    }
    false
}

/// Number, name and town in a list, as nothing but addresses are written: `12 Baker, Leeds`.
static LIST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^\W*(?:[0-9]{1,4}[A-Za-z]?(?:[/-](?:[0-9]+|[A-Z]|\p{Lo}[\p{L}\p{M}]{0,3})){0,2},?\s+[\p{Lu}\p{Lo}][\p{L}\p{M}'’.-]+(?:\s+[\p{Lu}\p{Lo}][\p{L}\p{M}'’.-]+){0,3}|[\p{Lu}\p{Lo}][\p{L}\p{M}'’.-]+(?:\s+[\p{L}\p{M}'’.-]+){0,3}\s+[0-9]{1,4}[A-Za-z]?(?:[/-][0-9]+)?),\s*(?:[0-9][0-9 -]{2,7}\s+)?[\p{Lu}\p{Lo}]").ok()
});

fn is_listed(value: &str) -> bool {
    may_be_listed(value) && LIST.as_ref().is_some_and(|l| l.is_match(value))
}

/// Whether a text begins like such a list: most sentences do not.
fn may_be_listed(value: &str) -> bool {
    let first = value.chars().find(|c| c.is_alphanumeric() || *c == '_' || !c.is_ascii());
    first.is_some_and(|c| !c.is_ascii_lowercase() && c != '_') && value.contains(',')
}

/// A word of a line in a sentence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Number,
    /// A word for a street behind which its number stands, or before which it does: `calle`.
    Street,
    /// One that its name and number stand before (`lane`), or one with nothing but a number (`block`).
    Part,
    /// A street's name written as one word: `Ahornweg`.
    Whole,
    Name,
    /// Words that no address has between its number and its street.
    Stop,
}

/// Words for what has a name and no number, and the houses in it have.
const VILLAGES: &str = "village vill gram mouza dusun desa kampung";

/// What a sentence must show: number, name and street; or two parts with their numbers. `Lane 2` alone is a place on a map.
fn is_told(value: &str) -> bool {
    let cased = value.chars().any(char::is_uppercase);
    let words: Vec<Word> = value
        .split(|c: char| !(text::is_wordy(c) || matches!(c, '/' | '-' | '\'' | '’')))
        .filter(|w| w.chars().any(char::is_alphanumeric))
        .map(|word| kind_of(word, cased))
        .collect();
    let parts = words.windows(2).filter(|w| matches!(w, [Word::Street | Word::Part, Word::Number])).count();
    let numbers = words.iter().filter(|w| **w == Word::Number).count();
    let unbroken = !words.contains(&Word::Stop);
    let village = || value.split(|c: char| !c.is_alphabetic()).any(|w| among(VILLAGES, &w.to_lowercase()));
    parts >= 2
        || parts == 1 && unbroken && (numbers >= 2 || village())
        || (0..words.len()).any(|at| is_named(&words, at))
}

fn kind_of(word: &str, cased: bool) -> Word {
    const STOPS: &str = "to of in at on the for and from with per by is are was a an my our your his her their this that as or if then";
    let lower = word.to_lowercase();
    // `12A`, `A-100`, `Ka-12/3`
    let behind = word.strip_prefix(char::is_alphabetic).unwrap_or(word);
    let behind =
        behind.strip_prefix(char::is_alphabetic).filter(|rest| rest.starts_with('-')).unwrap_or(behind);
    let digits = behind.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let single = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    if single || digits && letters <= 2 {
        Word::Number
    } else if lower != "avenue"
        && (among(NUMBER_FIRST, &lower) || among(NUMBERED, &lower) || among(UNITS, &lower))
    {
        Word::Part
    } else if STREETS.contains(lower.trim_end_matches('/')) {
        Word::Street
    } else if is_street(&lower) {
        Word::Whole
    } else if among(STOPS, &lower) || cased && word.starts_with(char::is_lowercase) && word.len() > 3 {
        Word::Stop
    } else {
        Word::Name
    }
}

/// Whether the word at `at` is a street with its name and number.
fn is_named(words: &[Word], at: usize) -> bool {
    let word = |at: Option<usize>| at.and_then(|at| words.get(at)).copied();
    let (before, after) = (word(at.checked_sub(1)), word(at.checked_add(1)));
    // Up to three names, then the number, before which a word for it may stand: `Caddesi No 12`.
    let reaches = |mut list: &mut dyn Iterator<Item = &Word>| {
        let mut names = 0;
        let end = (&mut list).take(4).find(|w| {
            names += usize::from(**w == Word::Name);
            **w != Word::Name
        });
        let number = if end == Some(&Word::Part) { list.next() } else { end };
        names > 0 && number == Some(&Word::Number)
    };
    match word(Some(at)) {
        Some(Word::Whole) => before == Some(Word::Number) || after == Some(Word::Number),
        Some(Word::Part) => reaches(&mut words.iter().take(at).rev()),
        Some(Word::Street) => {
            reaches(&mut words.iter().take(at).rev())
                || reaches(&mut words.iter().skip(at + 1))
                || before == Some(Word::Number) && after == Some(Word::Name)
                || before == Some(Word::Name) && after == Some(Word::Number)
                || before == Some(Word::Name)
                    && after == Some(Word::Part)
                    && word(at.checked_add(2)) == Some(Word::Number)
        }
        _ => false,
    }
}

/// A word for a street or what stands on it, or a street's name written as one word.
fn is_street(word: &str) -> bool {
    !word.starts_with(|c: char| c.is_ascii_digit()) && STREETS.contains(word)
        || endings(word).any(|e| word.len() > e.len() + 2 && word.ends_with(e))
}

/// The endings that have the last byte of `word`.
fn endings(word: &str) -> impl Iterator<Item = &'static str> {
    static BY_LAST: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
        let ending =
            |last: u8| ENDINGS.split_ascii_whitespace().filter(move |e| e.bytes().last() == Some(last));
        (0..=u8::MAX).map(|last| ending(last).collect()).collect()
    });
    let last = word.bytes().last().and_then(|last| BY_LAST.get(usize::from(last)));
    last.into_iter().flatten().copied()
}

/// Street and number are among the first words.
fn starts_soon(words: &[&str]) -> bool {
    let number = words.iter().take(8).position(|w| w.starts_with(|c: char| c.is_ascii_digit()));
    number.is_some_and(|at| at <= 7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_not_held_against_a_pattern_does_not_fit_it(
            text in prop_oneof!["[ -~]{0,40}", "[ ('_a]{0,3}[0-9A-Z][0-9A-Za-z]{0,6} [A-Z][a-z]{2,6}( [0-9]{1,4})?,? ?[A-Za-z]", "\\PC{0,20}"]
        ) {
            prop_assert!(may_be_listed(&text) || !LIST.as_ref().unwrap().is_match(&text), "{text}");
            prop_assert!(!text.is_ascii() || !EASTERN.as_ref().unwrap().is_match(&text), "{text}");
        }
    }

    #[test]
    fn every_ending_is_known_by_its_last_byte() {
        for ending in ENDINGS.split_ascii_whitespace() {
            assert!(is_street(&format!("ahorn{ending}")), "{ending}");
        }
    }
}
