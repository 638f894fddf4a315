//! Dates of birth: under a birth key, as year, month and day of one object, and right after words that say it.

use super::{Joint, Keyed, Kind, Member, View, date};
use crate::category::Category;
use crate::hits::Hits;
use crate::judge::Context;
use crate::keys::{Says, Words, among, is_person};
use crate::text;
use regex::Regex;
use std::sync::LazyLock;

/// A date of birth under a key that says so.
pub(crate) const BIRTH: Says = Says::Of(Category::BirthDate, 0);

const YEAR: u8 = 0;
const MONTH: u8 = 1;
const DAY: u8 = 2;

pub(crate) static KIND: Kind = Kind {
    order: 35,
    least_number: 0,
    key: |words| is_key(words).then_some(0),
    own_digits: |_| true,
    judge,
    scripts: true,
    hints: &[&[
        "dob",
        "d.o.b",
        "born",
        "birth",
        "nac",
        "geb",
        "naissance",
        "nato il",
        "nata il",
        "nascid",
        "nasciment",
        "urodz",
        "lahir",
        "jonmo",
        "narozen",
        "syntyn",
    ]],
    find: Some(find),
    member: |words| match words.last {
        "year" | "yyyy" | "yr" | "y" | "jahr" | "annee" | "ano" => Some(YEAR),
        "month" | "mm" | "mon" | "m" | "monat" | "mois" | "mes" => Some(MONTH),
        "day" | "dd" | "d" | "tag" | "jour" | "dia" => Some(DAY),
        _ => None,
    },
    record,
    ..Kind::NONE
};

/// The word for birth with nothing behind it but the form of a date, whose it is, or where it stands: `dob`, `birthDateIso`,
/// `fecha_de_nacimiento`, `dob_of_player`, `date_of_birth_as_per_nid`.
fn is_key(words: &Words<'_>) -> bool {
    const FORMS: &str = "date datum day at on iso str string raw value text utc epoch ts timestamp ms s sec seconds unix ymd dmy mdy \
local full formatted dt time of gregorian ad bs english bangla self own as per from given entered input field nid passport certificate";
    const BIRTH: &str = "dob birthdate birthday bday bdate birth born birthdt dateofbirth dobirth geburtsdatum geburtstag geboren \
geboortedatum geb nacimiento fechanacimiento naissance datenaissance nascimento nascita lahir dogum doğum urodzenia \
fødselsdato födelsedatum födelsedag narození narozeni рождения জন্ম জন্মতারিখ জন্মদিন जन्म जन्मतिथि जन्मदिन 生年月日 出生日期 出生 \
생년월일 الميلاد ميلاد jonmo jonmotarikh syntymäaika syntymaaika γέννησης sinh tugilgan";
    const FRONT: &str = "min max minimum maximum has is show hide allow require place country city year month bonus gift sale \
club company team server game clan platform site event week";
    let Some(at) = words.all.iter().rposition(|w| among(BIRTH, w)) else { return false };
    let after = words.all.get(at + 1..).unwrap_or(&[]);
    let before = words.all.get(..at).unwrap_or(&[]);
    let word = words.all.get(at).map_or("", String::as_str);
    let alone = after.is_empty() && before.is_empty();
    let dated = alone
        || !matches!(word, "birth" | "born")
        || after.iter().any(|w| among("date day at on dt timestamp ts epoch", w))
        || before.iter().any(|w| among("date day", w));
    dated
        && after
            .iter()
            .all(|w| among(FORMS, w) || is_person(w) || among("tarikh তারিখ তিথি तिथि तारीख tarihi günü", w))
        && !before.iter().any(|w| among(FRONT, w))
}

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    let value = keyed.value.trim().trim_matches(['"', '\'']);
    // `new Date(1998, 2, 12)`, Elixir's `~D[1998-03-12]`
    let value = ["new ", "~D["].iter().find_map(|front| value.strip_prefix(front)).unwrap_or(value);
    let dated = date::full_date(value).is_some_and(|length| {
        let rest = value.get(length..).unwrap_or("");
        // What may follow is a time, a weekday, a remark.
        value.len() <= 64
            && !rest.starts_with(|c: char| c.is_alphabetic() && c != 'T' && c != '日' && c != '일')
    }) || after_weekday(value);
    if dated || is_epoch(value) {
        hits.keyed(Category::BirthDate, Some(value));
    }
}

/// `Monday, 3 May 1999`, `Date(…)`, `datetime.date(1999, 5, 3)`: one word may stand before the date.
fn after_weekday(value: &str) -> bool {
    let Some((word, rest)) = value.split_once([' ', '(']) else { return false };
    word.trim_end_matches(',').chars().all(|c| c.is_alphabetic() || c == '.')
        && value.len() <= 64
        && (date::full_date(rest.trim_start()).is_some() || is_epoch(rest.trim_end_matches([')', '/'])))
}

/// Seconds or milliseconds since 1970, back to 1900, as one number: six digits are some days only.
fn is_epoch(value: &str) -> bool {
    let number = value.strip_suffix(".0").unwrap_or(value);
    let digits = number.strip_prefix('-').unwrap_or(number);
    let Ok(seconds) = number.parse::<i64>() else { return false };
    let since_1900 = |s: i64| (-2_208_988_800..2_000_000_000).contains(&s);
    (7..=10).contains(&digits.len()) && since_1900(seconds)
        || (10..=13).contains(&digits.len()) && since_1900(seconds / 1000)
}

/// Year, month and day in an object whose key says birth.
fn record(members: &[Member<'_>], context: Context) -> Option<Joint> {
    if context.says != BIRTH {
        return None;
    }
    let part = |part: u8| members.iter().find(|m| m.part == part).map(|m| m.value.trim());
    let (year, month, day) = (part(YEAR)?, part(MONTH)?, part(DAY)?);
    let month_fits =
        month.parse::<u32>().is_ok_and(|m| (1..=12).contains(&m)) || date::month(month).is_some();
    let fits = year.parse().is_ok_and(date::is_year)
        && month_fits
        && day.parse::<u32>().is_ok_and(|d| (1..=31).contains(&d));
    fits.then(|| Joint { value: format!("{year}-{month}-{day}"), at: None })
}

/// Words directly before a date of birth.
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)(?:
        (?P<sure>d\.?\ ?o\.?\ ?b\.?|date\ of\ birth|birth\ ?date|b-?day|birthday|date\ born|day\ of\ birth|জন্ম(?:ের)?\ ?তারিখ|জন্মদিন
          |fecha\ de\ nac(?:imiento|\.)?|geburtsdatum|geburtstag|date\ de\ naissance|data\ de\ nascimento|data\ di\ nascita
          |doğum\ tarihi|data\ urodzenia|tanggal\ lahir|дата\ рождения|जन्म\ ?तिथि|जन्म\ तारीख|出生日期|生年月日|생년월일
          |تاريخ\ الميلاد|jonmo\ tarikh|geboortedatum|födelsedatum|fødselsdato)
        |(?P<born>born(?:\ on)?|nacid[oa](?:\ el)?|geboren(?:\ am|\ op)?|geb\.|née?\ le|nat[oa]\ il|nascid[oa]\ em|doğumlu|urodzon[ya]|lahir(?:\ pada)?
          |родил(?:ся|ась)|জন্ম|जन्म|född|født|narozen[aý]?|syntynyt|ولد(?:\ في)?)
        )[\s:=>\-–—*_,(\x22'`]{0,6}(?:(?:is|was|es|ist|est|on|the|হলো|হল|é|are|ng)[\s:]+){0,2}[\x22'`*(]?(?P<rest>\S)",
    )
    .ok()
});

fn find(view: &View<'_>, hits: &mut Hits) {
    if !view.hints.has(Category::BirthDate, 0) {
        return;
    }
    let Some(words) = WORDS.as_ref() else { return };
    hits.worked(view.text.len());
    for found in words.captures_iter(view.text) {
        let Some(rest) = found.name("rest") else { continue };
        let start = found.get(0).map_or(0, |m| m.start());
        if text::before(view.text, start).is_some_and(text::is_joining) {
            continue;
        }
        let left = text::left_of(view.text, start, 40).to_lowercase();
        let thing = found.name("born").is_some()
            && left
                .split(|c: char| !c.is_alphanumeric())
                .any(|w| among("club team company game league tournament server platform series brand org organisation organization squad clan guild website product startup", w));
        if thing {
            hits.against(Category::BirthDate, "a thing was born, as the words before it say");
            continue;
        }
        let after = view.text.get(rest.start()..).unwrap_or("");
        if let Some(length) = date::full_date(after) {
            hits.likely(Category::BirthDate, after.get(..length).unwrap_or(""));
        }
    }
}
