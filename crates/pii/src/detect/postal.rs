//! Postal addresses: a street line under an address key or after words that make it somebody's; not those of venues and shops.

use super::streets::{Bar, is_street_line};
use super::{Joint, Keyed, Kind, Member, View};
use crate::category::Category;
use crate::hits::Hits;
use crate::judge::Context;
use crate::keys::{Whose, Words, among, is_person};
use crate::text::{self, Classes};
use regex::Regex;
use std::sync::LazyLock;

/// An address or its street.
const WHOLE: u8 = 0;
/// `line1`, which may be a line of anything.
const LINE: u8 = 1;
/// The street of an address: a name with a number is enough.
const STREET_LINE: u8 = 2;

const STREET: u8 = 0;
const HOUSE: u8 = 1;

/// What each alternative of [`OWN`] has in it, but for those in other scripts, and those in which
/// something is sent somewhere or somebody lives there.
const TELLING: &[&str] = &[
    "addr",
    "moved",
    "moving",
    "move ",
    "relocat",
    "home is",
    "house is",
    "flat is",
    "direcci",
    "vive en",
    "vivo en",
    "enviar a",
    "se mud",
    "entregar en",
    "adres",
    "anschrift",
    "wohn",
    "liefer",
    "senden",
    "gesendet",
    "sendung",
    "versand",
    "schick",
    "zustellung",
    "zugestellt",
    "habite",
    "livre",
    "indirizzo",
    "endere",
    "moro n",
    "moro e",
    "mora n",
    "mora e",
    "mieszka",
    "alamat",
    "tinggal",
    "kirim",
];

pub(crate) static KIND: Kind = Kind {
    order: 96,
    key,
    judge,
    scripts: true,
    hints: &[
        &[
            "address",
            "deliver ",
            "delivered",
            "delivering",
            "delivers ",
            "ship",
            "send",
            "sent",
            "live",
            "living",
            "moved",
            "moving",
            "relocat",
            "resid",
            "stay",
            "courier",
            "dispatch",
            "post",
            "mail",
            "home",
            "direcc",
            "domicilio",
            "adres",
            "anschrift",
            "indirizzo",
            "endere",
            "alamat",
            "wohn",
            "habit",
            "vive",
            "vivo",
            "moro",
            "mora",
            "miesz",
            "tinggal",
            "kirim",
            "enviar",
            "liefer",
            "versand",
            "schick",
            "zustell",
            "zugestell",
            "livr",
            "return it to",
            "return to",
            "forward",
            "oturuyor",
        ],
        TELLING,
    ],
    find: Some(find),
    member: |words| match words.last {
        "street" | "streetname" | "road" | "thoroughfare" | "calle" | "strasse" | "straße" | "rue" => {
            Some(STREET)
        }
        "name" if matches!(words.prev, "street" | "road") => Some(STREET),
        "house" | "premise" | "housenumber" | "houseno" | "hausnummer" | "plot" | "holding" | "flat" => {
            Some(HOUSE)
        }
        "number" | "no" | "num" | "nr"
            if matches!(
                words.prev,
                "house" | "building" | "street" | "plot" | "holding" | "flat" | "door"
            ) =>
        {
            Some(HOUSE)
        }
        _ => None,
    },
    record,
    ..Kind::NONE
};

fn key(words: &Words<'_>) -> Option<u8> {
    const NOUNS: &str = "address addr adresse adres anschrift direccion dirección domicilio indirizzo endereco endereço alamat ঠিকানা \
thikana адрес 住所 地址 주소 عنوان العنوان पता cím osoite adress morada streetaddress fulladdress homeaddress addressline \
addressfull shippingaddress billingaddress deliveryaddress mailingaddress postaladdress residence residencia wohnsitz";
    const STREETS: &str = "street streetline streetaddress streetname thoroughfare calle rue strasse straße road streetandnumber";
    const OTHER: &str = "email e ip ipv mac bind memory mem wallet crypto btc bitcoin eth ethereum tron contract token web website url http \
https host net network listen base bus register broadcast multicast gateway subnet dns smtp imap proxy pool smart hw hardware virtual payment vpa upi peer remote socket server node pointer start end stack heap onion public private key \
book id verification bounce";
    let Words { last, prev, .. } = *words;
    let other = |words: &[String]| words.iter().any(|w| among(OTHER, w));
    // `e-mail address`, `wallet_address`; but `mailing_address`.
    if among(NOUNS, last) {
        let front = words.all.get(..words.len() - 1).unwrap_or(&[]);
        return (!other(front)).then_some(if prev == "street" { STREET_LINE } else { WHOLE });
    }
    if among(STREETS, last) && !matches!(prev, "wall" | "sesame") {
        return Some(if last == "road" { WHOLE } else { STREET_LINE });
    }
    let addressed = words.all.iter().any(|w| among(NOUNS, w) || among(STREETS, w)) && !other(words.all);
    match last {
        "line" if addressed || among("shipping delivery billing mailing ship", prev) => Some(WHOLE),
        // As payment gateways write it: `cus_add1`.
        "add" if is_person(prev) || among("ship bill home shipping billing delivery", prev) => Some(WHOLE),
        "line" | "house" | "home" if words.len() == 1 => Some(LINE),
        "name" if matches!(prev, "street" | "road") => Some(WHOLE),
        "text" | "full" | "street" | "formatted" | "one" | "two" | "primary" | "detail" | "string"
        | "display"
            if addressed =>
        {
            Some(WHOLE)
        }
        "to" if matches!(prev, "ship" | "deliver" | "delivery") => Some(WHOLE),
        _ => None,
    }
}

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    let value = keyed.value.trim();
    let other = text::is_placeholder(value)
        || value.contains("**")
        || value.contains("://")
        || value.contains('@')
        || value.contains(['{', '}'])
        || value.starts_with("0x")
        || value.parse::<std::net::IpAddr>().is_ok()
        || text::is_uuid(value)
        || !value.contains(char::is_whitespace) && value.is_ascii();
    let bar = match keyed.grade {
        LINE if keyed.context.whose != Whose::Person => Bar::Line,
        STREET_LINE => Bar::Street,
        _ => Bar::Keyed,
    };
    if other || !is_street_line(value, bar) {
        return;
    }
    if keyed.context.whose == Whose::Place {
        hits.against(Category::PostalAddress, "the key or one around it names a place or a business");
        return;
    }
    hits.keyed(Category::PostalAddress, Some(value));
}

/// Street and house number as two members.
fn record(members: &[Member<'_>], context: Context) -> Option<Joint> {
    let street = members
        .iter()
        .position(|m| m.part == STREET && m.value.chars().filter(|c| c.is_alphabetic()).count() >= 3)?;
    let house = members
        .iter()
        .find(|m| m.part == HOUSE && m.value.len() <= 12 && m.value.bytes().any(|b| b.is_ascii_digit()))?;
    let named = members
        .get(street)
        .filter(|m| !text::is_placeholder(m.value) && !text::is_placeholder(house.value))?;
    (context.whose != Whose::Place)
        .then(|| Joint { value: format!("{} {}", named.value, house.value), at: Some(street) })
}

/// Words that make the address behind them somebody's own.
static OWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)(?:
        (?-u:\b)(?:my|his|her|their|your|home|new|current|permanent|present|residential|shipping|delivery|billing|postal|mailing|customer|customer'?s|full|old|house|player'?s|user'?s|winner'?s)\ (?:[^\s,.;]+\ ){0,2}?addr(?:ess|\.)(?:\s(?:is|was|has\ changed\ to|changed\ to|now))*
        |(?m:^)[\s>*-]*address\s?[:=]|(?-u:\b)address\ is(?-u:\b)
        |(?-u:\b)(?:deliver|ship|send|post|mail|courier|dispatch|forward|bring|drop|return|sent|shipped|shipping|delivered|posted)(?:ed|ing|s)?(?-u:\b)(?:\ (?:[^\s,.;:]+)){0,5}?\ (?:to|at|off\ at)(?-u:\b)(?:\ (?:me|him|her|them)(?:\ at)?)?(?:\ (?:my|his|her|their)\ (?:home|house|flat|place|new\ place)(?:\ at)?)?
        |(?-u:\b)(?:lives?|living|lived|resid(?:es|ing|ent)|stays?|staying)\ (?:now\ |currently\ )?(?:at|in|on|near)
        |(?-u:\b)(?:moved|moving|move|relocated|relocating)(?:\ (?:in|house|home|back|over))?\ to
        |(?-u:\b)(?:home|house|flat)\ is\ (?:at|on|in)
        |mi\ direcci[oó]n|su\ direcci[oó]n|nueva\ direcci[oó]n|direcci[oó]n\s?:|vive\ en|vivo\ en|enviar\ a|se\ mud[oó]\ a|entregar\ en
        |(?:meine|seine|ihre|neue)\ (?:neue\ )?(?:adresse|anschrift)|(?:adresse|anschrift)\s?:|wohnt?\ (?:in|am|an|jetzt)|wohne\ (?:in|am|an|jetzt|ich)|(?:liefern|lieferung|geliefert|senden|sendung|versandt?|gesendet|schicken|geschickt|zustellung|zugestellt)(?:\ [^\s,.;]+){0,3}\ (?:an|nach)
        |(?:mon|ma|son|nouvelle)\ (?:nouvelle\ )?adresse|habite\ (?:au|à)?|livre[rz]?\ (?:au|à)
        |(?:il\ mio|suo|nuovo)\ indirizzo|indirizzo\s?:|(?:meu|seu|novo)\ endere[cç]o|endere[cç]o\s?:|mor[oa]\ (?:na|no|em)|(?:ev\ )?adres(?:im|i)|yeni\ adres|adres\s?:
        |(?:m[oó]j|jego|jej|nowy)\ adres|mieszka[m]?\ (?:przy|na|w)|alamat(?:\ [^\s,.;]+)?|tinggal\ di|kirim(?:kan)?\ ke
        |(?:мой|его|её|новый|домашний)\ адрес|адрес\s?:|жив(?:у|ет|ёт)\ (?:по\ адресу|на|в)
        |ঠিকানা(?:\ (?:হলো|হল))?|(?:আমার|তার|উনার)\ (?:বাসা|বাড়ি)|পাঠান|(?:मेरा|उसका|नया|घर\ का)\ पता|पता\s?:|عنوان(?:ي|ه|ها)?|我的地址|地址[:：是]|住所は|住所[:：]|주소는|주소[:：]
        )\s*(?:is|:|=|-|–|—|,|es|ist|est|è|é|jest|adalah|—)?\s*[\x22'“*(]?\s*",
    )
    .ok()
});

/// Words that give an address to a place or a business.
const PLACES: &str = "venue arena office stadium hall shop store branch hq headquarters warehouse depot hub merchant organizer organiser company \
business club gym cafe hotel studio server filiale lager büro halle stadion firma laden werk messe veranstalter packstation lan event tournament restaurant headquarters \
shard queue partition node cluster bucket worker channel lobby slot level stage map zone region production staging";

/// The same in other scripts, as parts of words.
const PLACES_ABROAD: &str = "ভেন্যু অফিস কার্যালয় দোকান স্টেডিয়াম গুদাম শাখা এরিনা কার্যালয় कार्यालय स्टेडियम दुकान दफ्तर 会場 会场 球場 球场 店舗 门店 办公 倉庫 仓库 офис склад магазин арена стадион مكتب ملعب متجر";

/// What stands right before `at`, `in`, `on` and `near` where somebody lives.
const LIVING: [&str; 12] = [
    "live",
    "lives",
    "living",
    "lived",
    "resides",
    "residing",
    "resident",
    "stay",
    "stays",
    "staying",
    "now",
    "currently",
];

/// Whether a text says `to` or `at`, as whole words, or begins a word with `at`, `in`, `on` or `near` right behind one of [`LIVING`]:
/// most of what is sent or delivered is no parcel.
fn says_where(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = |at: usize| !bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let is_before = |word: &&str, at: usize| {
        let before = at.checked_sub(word.len()).and_then(|start| bytes.get(start..at));
        before.is_some_and(|before| before.eq_ignore_ascii_case(word.as_bytes()))
    };
    let living = |at: usize| LIVING.iter().any(|word| is_before(word, at));
    memchr::memchr_iter(b' ', bytes).any(|at| match bytes.get(at + 1..at + 3) {
        Some([b't' | b'T', b'o' | b'O']) => ends(at + 3),
        Some([b'a' | b'A', b't' | b'T']) => ends(at + 3) || living(at),
        Some([b'i' | b'I' | b'o' | b'O', b'n' | b'N'] | [b'n' | b'N', b'e' | b'E']) => living(at),
        _ => false,
    })
}

fn find(view: &View<'_>, hits: &mut Hits) {
    if view.digits == 0 || !view.hints.has(Category::PostalAddress, 0) || view.text.len() < 12 {
        return;
    }
    let Some(own) = OWN.as_ref() else { return };
    hits.worked(view.text.len());
    let telling = view.hints.has(Category::PostalAddress, 1) || view.classes.has(Classes::WIDE);
    if !telling && !says_where(view.text) {
        return;
    }
    for found in own.find_iter(view.text).take(16) {
        let after = text::right_of(view.text, found.end(), 160);
        let line = after.split(['\n', ';', '|', '<', '"']).next().unwrap_or("");
        hits.worked(line.len());
        if !is_street_line(line, Bar::Prose) || line.contains("://") {
            continue;
        }
        let number = line.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
        let left = text::left_of(view.text, found.start(), 60);
        let sentence = left.rsplit(['.', '!', '?', '\n', ';']).next().unwrap_or("");
        let around =
            format!("{sentence}{}{}", found.as_str(), line.get(..number).unwrap_or("")).to_lowercase();
        let abroad = || !around.is_ascii() && PLACES_ABROAD.split(' ').any(|place| around.contains(place));
        if around.split(|c: char| !c.is_alphanumeric()).any(|w| among(PLACES, w)) || abroad() {
            hits.against(Category::PostalAddress, "the words before it speak of a place or a business");
        } else {
            hits.likely(Category::PostalAddress, line.trim());
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hints;
    use super::*;
    use proptest::prelude::*;

    fn pieces() -> impl Strategy<Value = String> {
        let words: Vec<&str> =
            "my addr. address is : deliver delivered sending posted ships returns to at off AT tom attempt him home house lives \
              living on near resides stays staying now moved moving move relocated in over back together flat mi dirección direccion su \
              nueva vive vivo en enviar a se mudó mudo entregar meine neue adresse anschrift wohnt wohne an jetzt liefern lieferung geliefert versand gesendet geschickt zustellung senden nach mon \
              nouvelle habite au livrez il mio indirizzo meu endereço endereco moro mora na em yeni adres adresim adresi mój moj adres \
              mieszka mieszkam przy alamat tinggal di kirimkan kirim ke мой адрес is = - 12 Road"
                .split_ascii_whitespace()
                .collect();
        let word = proptest::sample::select(words);
        let mark = proptest::sample::select(&[" ", " ", " ", " ", ", ", "\n", ": ", "_", ""][..]);
        proptest::collection::vec((word, mark), 1..9)
            .prop_map(|all| all.iter().map(|(word, mark)| [*word, *mark].concat()).collect())
    }

    #[test]
    fn where_somebody_lives_is_searched_in_every_wording() {
        let own = OWN.as_ref().unwrap();
        for word in "live lives living lived resides residing resident stay stays staying".split(' ') {
            for how in ["", "now ", "currently "] {
                for place in ["at", "in", "on", "near", "inside", "attic"] {
                    for text in [
                        format!("{word} {how}{place} 12"),
                        format!("x.{word} {how}{place} 12").to_uppercase(),
                    ] {
                        assert!(own.is_match(&text) && says_where(&text), "{text}");
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_not_searched_has_no_words_of_an_address(text in pieces()) {
            let searched = hints(&text).has(Category::PostalAddress, 1) || !text.is_ascii() || says_where(&text);
            prop_assert!(searched || !OWN.as_ref().unwrap().is_match(&text), "{text}");
        }
    }
}
