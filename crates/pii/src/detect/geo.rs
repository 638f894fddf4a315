//! Where a person is or lives: latitude and longitude with four decimals that belong to somebody, not to a venue or map.

use super::digits::{Group, is_decimal};
use super::{Joint, Keyed, Kind, Member, View};
use crate::category::Category;
use crate::hits::Hits;
use crate::judge::Context;
use crate::keys::{Says, Whose, Words, among, whose};
use regex::Regex;
use std::sync::LazyLock;

/// A place.
const PLACE: u8 = 0;
/// Half of a place.
const HALF: u8 = 1;

const LATITUDE: u8 = 0;
const LONGITUDE: u8 = 1;
/// An element of a list; latitude and longitude stand in either order.
pub(crate) const ELEMENT: u8 = 2;
/// Added to a half whose own key says that it is a person's, or a thing's: `customer_lat`, `venue_lat`.
const OWN: u8 = 4;
const OTHERS: u8 = 8;

pub(crate) static KIND: Kind = Kind {
    order: 95,
    key: |words| match half(words) {
        Some(_) => Some(HALF),
        None => is_place(words).then_some(PLACE),
    },
    own_digits: |_| true,
    judge,
    find: Some(find),
    member,
    record,
    mask: |_| "***, ***".into(),
    ..Kind::NONE
};

/// Keys of places and positions.
fn is_place(words: &Words<'_>) -> bool {
    among(
        "location position coordinate coord coords latlng latlong latlon lnglat geo geolocation geopoint geoposition gps gpscoords pin loc wkt \
point spot pickup dropoff destination origin where ll whereabouts checkin geometry place ubicacion standort posicion emplacement geoloc latitudelongitude locus",
        words.last,
    ) || words.prev == "check" && words.last == "in"
        || words.prev == "last" && words.last == "seen"
        || words.prev == "lat" && matches!(words.last, "lng" | "lon" | "long")
        || words.any("location gps geo") && !words.any("id name type count city country zone format accuracy")
}

/// `lat`, `driverLatitude`, `home_lng`.
fn half(words: &Words<'_>) -> Option<u8> {
    match words.last {
        "lat" | "latitude" | "latitud" | "breitengrad" => Some(LATITUDE),
        "lng" | "lon" | "long" | "longitude" | "longitud" | "langengrad" | "längengrad" => {
            (words.prev != "lat").then_some(LONGITUDE)
        }
        _ => None,
    }
}

/// A half, and whose its key says it is.
fn member(words: &Words<'_>) -> Option<u8> {
    let whose = match whose(words.all) {
        Whose::Person => OWN,
        Whose::Place => OTHERS,
        Whose::Unknown => 0,
    };
    half(words).map(|half| half + whose)
}

/// Two decimal numbers, in words of maps: `23.77, 90.41`, `POINT(90.41 23.77)`, `geo:23.77,90.41`, `?q=23.77,90.41`, `@23.77,90.41,17z`.
static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)(?:^|[^0-9.])(?:(?:m?lat(?:itude)?|φ)\s*[:=]?\s*)?
        (?P<a>[-−]?[0-9]{1,3}\.[0-9]{3,})[\x22']?\s*°?\s*(?P<ns>[NS](?-u:\b))?\s*(?:[,;/|&\s]|%2C|and)\s*
        (?:[\x22']?(?:[a-z]{1,16}[_.])?(?:m?(?:lng|lon|long|longitude)|lat(?:itude)?|λ)[\x22']?\s*[:=]?\s*[\x22']?)?
        (?P<b>[-−]?[0-9]{1,3}\.[0-9]{3,})\s*°?\s*(?P<ew>[EW](?-u:\b))?(?P<third>\s*,?\s*[-−]?[0-9]+\.[0-9]+)?",
    )
    .ok()
});

/// Words in which somebody speaks of a place of their own, or of where a person is.
static SPOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)(?-u:\b)(?:
        my\ (?:[^\s,.;]+\ ){0,2}(?:location|position|place|pin|home|house|coordinates|coords|gps|spot|address|flat|apartment|room|whereabouts|building|street|door)
        |(?:i\ ?(?:'m|’m|\ am)|im|i\ live|i\ stay|i\ was|we(?:'re|’re|\ are)\ (?:at|in|near|here)|we\ live|me\ at|find\ me|pick\ me\ up|meet\ me|reach\ me|come\ to\ me|i\ (?:parked|stand|sit|wait|sleep|work|moved))(?-u:\b)
        |(?:home|house|flat|apartment|residence)\ is(?-u:\b)|dropping\ (?:my|a)\ pin|drop(?:ped)?\ (?:my|a)\ pin|sharing\ (?:my\ )?(?:live\ )?location|live\ location
        |(?:his|her|their|your)\ (?:[^\s,.;]+\ ){0,2}(?:location|position|home|house|pin|coordinates|flat|place|whereabouts|gps)
        |(?:driver|rider|courier|player|customer|passenger|user|captain|member|student|guest|child|kid|son|daughter|patient|employee|runner|biker|suspect)(?:'s|’s|s)?\ (?:[^\s,.;]+\ ){0,3}?
          (?:last\ seen|seen|location|position|is|was|at|near|around|pinged|checked\ in|gps|coordinates|home|lives|live|spotted|waiting|arrived|picked|dropped|ping|fix|sent|checkin|check-in|tracked|moved)
        |last\ seen(?:\ at)?|(?:he|she|they)\ (?:is|are|was|lives?|live|stays?)(?-u:\b)|lives\ (?:at|here|near)|check(?:ed)?[\ _-]?in\ (?:at|from)|(?:log(?:ged|in)?|sign(?:ed)?)[\ _-]?(?:in|on)?\ from(?-u:\b)
        |(?-u:\b)(?:user|player|driver|rider|courier|customer|member|passenger|guest|patient|employee|student|captain|uid|phone)(?:_?(?:id|name))?[:=][^\s=]
        |(?-u:\b)accuracy(?:_m)?[\x22']?[:=]\s?[0-9]
        |mi\ (?:ubicaci[oó]n|posici[oó]n|casa)|estoy\ en|vivo\ (?:en|aqu[ií])|ich\ (?:bin|wohne)|mein(?:e)?\ (?:standort|position|zuhause)
        |ma\ position|je\ suis|j'habite|minha\ (?:localiza[cç][aã]o|casa)|estou\ em|moro|konumum|evim|lokasi\ saya|saya\ di|moja\ lokalizacja|mieszkam
        )|আমার\ (?:অবস্থান|লোকেশন|বাসা|বাড়ি|ঠিকানা)|আমি\ (?:এখানে|এখন|আছি)|मेरी\ लोकेशन|मेरा\ (?:स्थान|घर)|मैं\ यहाँ|موقعي|моё\ местоположение|я\ (?:здесь|живу|нахожусь)|私の|我(?:在|的位置)",
    )
    .ok()
});

/// Two numbers with three decimals and more stand in the text: a cheap test before any pattern.
fn has_decimals(view: &View<'_>) -> bool {
    let fine = |pair: &&[Group]| {
        is_decimal(view.text, pair) && matches!(pair, [_, (start, end)] if end - start >= 3)
    };
    view.groups.windows(2).filter(fine).nth(1).is_some()
}

/// Words that give the place to a thing.
const THINGS: &str = "venue arena stadium hall warehouse depot datacenter datacentre server map office branch shop store hq hub spawn \
checkpoint zone bounds center centre tower campus headquarters warehouse epicenter marker base station";

/// The pair that stands in a text, when both numbers are degrees with enough decimals.
fn pair(text: &str) -> Option<(std::ops::Range<usize>, String)> {
    let found = PAIR.as_ref()?.captures(text)?;
    let (a, b) = (found.name("a")?, found.name("b")?);
    let geo = are_degrees(a.as_str(), b.as_str()) && found.name("third").is_none_or(|_| text.contains('@'));
    geo.then(|| (a.start()..b.end(), format!("{},{}", a.as_str(), b.as_str())))
}

/// Latitude and longitude, in either order. JSON drops zeros at the end, so one of them may have fewer decimals.
fn are_degrees(a: &str, b: &str) -> bool {
    let read = |text: &str| {
        let number = text.trim().replace('−', "-").trim_start_matches('+').parse::<f64>().ok()?;
        Some((
            number.abs(),
            text.trim().split_once('.').map_or(0, |(_, d)| d.bytes().take_while(u8::is_ascii_digit).count()),
        ))
    };
    let (Some((a, da)), Some((b, db))) = (read(a), read(b)) else { return false };
    let fine = da.max(db) >= 4 && da.min(db) >= 3 || da.max(db) >= 5 && da.min(db) >= 2;
    fine && a.max(b) <= 180.0 && a.min(b) <= 90.0 && (a, b) != (0.0, 0.0)
}

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    if keyed.grade == PLACE && keyed.value.len() <= 400 {
        match (keyed.context.whose, pair(keyed.value)) {
            (Whose::Person, Some((_, value))) => hits.keyed(Category::Geo, Some(&value)),
            (_, Some(_)) => hits.against(Category::Geo, "no key says that a person is there"),
            _ => {}
        }
    }
}

/// Latitude and longitude side by side, or the two elements of a list: a person's by their own keys, or by what is around them.
fn record(members: &[Member<'_>], context: Context) -> Option<Joint> {
    let personal = context.whose == Whose::Person;
    let at = |half: u8, whose: &[u8]| members.iter().position(|m| whose.iter().any(|w| m.part == half + w));
    let both = |whose: &[u8]| Some((at(LATITUDE, whose)?, at(LONGITUDE, whose)?));
    let (first, second) = match both(&[OWN]).or_else(|| both(&[0, OWN]).filter(|_| personal)) {
        Some(both) => both,
        None if personal
            && members.len() == 2
            && members.iter().all(|m| m.part == ELEMENT)
            && matches!(context.says, Says::Of(Category::Geo, _)) =>
        {
            (0, 1)
        }
        _ => return None,
    };
    let (a, b) = (members.get(first)?.value, members.get(second)?.value);
    let list = members.iter().all(|m| m.part == ELEMENT);
    are_degrees(a, b).then(|| Joint { value: format!("{a},{b}"), at: (!list).then_some(first) })
}

/// Whether a value is a place under any key, so that the object says whose: well-known text (ISO 19125), a `geo:` URI (RFC 5870), a
/// link to a map.
fn is_of_maps(text: &str) -> bool {
    let begins = |front: &str| text.get(..front.len()).is_some_and(|word| word.eq_ignore_ascii_case(front));
    let link =
        || text.split(['?', '@']).next().is_some_and(|front| front.contains("map")) && !text.contains(' ');
    begins("point") || begins("geo:") || begins("http") && link()
}

/// A pair in a sentence about a person.
fn find(view: &View<'_>, hits: &mut Hits) {
    if view.digits < 8 || view.context.says == Says::Opaque || !has_decimals(view) {
        return;
    }
    hits.worked(view.text.len());
    let Some((range, value)) = pair(view.text) else { return };
    if is_of_maps(view.text) && view.context.whose == Whose::Person {
        hits.keyed(Category::Geo, Some(&value));
        return;
    }
    let left = crate::text::left_of(view.text, range.start, 160);
    let right = crate::text::right_of(view.text, range.end, 80);
    // The sentence that the pair stands in; links have dots of their own.
    let left = left.rsplit(['\n', ';', '!']).next().unwrap_or("");
    let right = right.split(['\n', ';', '!']).next().unwrap_or("");
    let Some(own) = SPOKEN.as_ref() else { return };
    let thing =
        |side: &str| side.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|w| among(THINGS, w));
    let first = left.to_lowercase();
    let spoken = first.split(|c: char| !c.is_alphanumeric() && c != '\'').any(|w| among("i i'm im my me", w));
    if !own.is_match(left) && !own.is_match(right) {
        hits.against(Category::Geo, "no words around it speak of a person");
    } else if thing(left) && !spoken {
        hits.against(Category::Geo, "the words before it speak of a thing");
    } else {
        hits.likely(Category::Geo, &value);
    }
}
