//! The users and data that a stand-in starts with.

use super::options::FixtureSize;
use super::random::{self, Seeded};
use serde_json::{Value, json};
use signature::Secret;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A data row of a flow: column name to value.
pub type Row = BTreeMap<String, Value>;

/// What a scenario needs to drive the stand-in. Holds passwords: of fixtures only, still not for printing.
#[derive(Clone, Default)]
pub struct Fixtures {
    /// One row for each payment.
    pub payments: Vec<Row>,
    /// One row for each match.
    pub matches: Vec<Row>,
    /// Variables: the staff user.
    pub vars: Row,
}

impl std::fmt::Debug for Fixtures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fixtures({} payments, {} matches)", self.payments.len(), self.matches.len())
    }
}

impl Fixtures {
    /// Those that a stand-in of this size makes up out of `seed`; passwords are fresh ones.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn sown(size: FixtureSize, seed: u64) -> io::Result<Self> {
        Ok(Seeds::sow(size, seed)?.fixtures())
    }
}

/// The people that a stand-in makes up out of `seed` for `flows` flows about this subject: the columns of their rows, each with
/// those of the staff user, without passwords. `None` for a subject that has no rows of its own there.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn people_of(seed: u64, flows: u32, subject: &str) -> io::Result<Option<Vec<Row>>> {
    let fixtures = Fixtures::sown(FixtureSize::of(subject, flows), seed)?;
    let rows = match subject {
        "payment" => fixtures.payments,
        "match" => fixtures.matches,
        _ => return Ok(None),
    };
    let whole = |row: Row| {
        let all = row.into_iter().chain(fixtures.vars.clone());
        all.filter(|(name, _)| !name.ends_with("password")).collect()
    };
    Ok(Some(rows.into_iter().map(whole).collect()))
}

/// A user of the platform.
#[derive(Debug)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) password: Secret,
    pub(super) display_name: String,
    pub(super) phone: String,
    /// The address that the user comes from.
    pub(super) ip: String,
    pub(super) role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Staff,
    Player,
}

#[derive(Debug)]
pub(super) struct Tournament {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) slug: String,
}

#[derive(Debug)]
pub(super) struct PaymentSeed {
    pub(super) id: i64,
    pub(super) registration_id: i64,
    pub(super) amount_bdt: i64,
    pub(super) owner: Arc<User>,
    pub(super) tournament: Arc<Tournament>,
}

#[derive(Debug)]
pub(super) struct MatchSeed {
    pub(super) id: i64,
    pub(super) a: Arc<User>,
    pub(super) b: Arc<User>,
    pub(super) tournament: Arc<Tournament>,
}

/// Everything that a stand-in starts with.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    pub(super) users: Vec<Arc<User>>,
    pub(super) payments: Vec<PaymentSeed>,
    pub(super) matches: Vec<MatchSeed>,
}

impl Seeds {
    /// Names follow the seed; passwords come from the operating system.
    pub(super) fn sow(size: FixtureSize, seed: u64) -> io::Result<Self> {
        let mut seeds = Self::default();
        let mut people = People { random: Seeded::new(seed), next_id: 1 };
        seeds.users.push(people.one(Role::Staff)?);
        for i in (0i64..).take(size.payments) {
            let owner = people.one(Role::Player)?;
            seeds.users.push(Arc::clone(&owner));
            let tournament = tournament("Smoke Pay", "smoke-pay", i, 101 + i);
            let (id, registration_id) = (501 + i, 301 + i);
            seeds.payments.push(PaymentSeed { id, registration_id, amount_bdt: 500, owner, tournament });
        }
        let first_cup = 101 + i64::try_from(size.payments).unwrap_or(i64::MAX / 2);
        for i in (0i64..).take(size.matches) {
            let (a, b) = (people.one(Role::Player)?, people.one(Role::Player)?);
            seeds.users.extend([Arc::clone(&a), Arc::clone(&b)]);
            let tournament = tournament("Smoke Cup", "smoke-cup", i, first_cup + i);
            seeds.matches.push(MatchSeed { id: 901 + i, a, b, tournament });
        }
        Ok(seeds)
    }

    /// Takes the payments, matches and users of these rows in place of the sown ones; the staff user stays.
    pub(super) fn adopt(&mut self, rows: &[Row]) {
        self.users.retain(|user| user.role == Role::Staff);
        (self.payments, self.matches) = (Vec::new(), Vec::new());
        for (i, row) in (0i64..).zip(rows) {
            let cup = int(row, "tournament_id").unwrap_or(101 + i);
            if let Some(id) = int(row, "payment_id") {
                let (owner, tournament) =
                    (self.user(row, "user"), tournament("Smoke Pay", "smoke-pay", i, cup));
                let registration_id = int(row, "registration_id").unwrap_or(id);
                let amount_bdt = int(row, "amount_bdt").unwrap_or(500);
                self.payments.push(PaymentSeed { id, registration_id, amount_bdt, owner, tournament });
            }
            if let Some(id) = int(row, "match_id") {
                let (a, b) = (self.user(row, "participant_a"), self.user(row, "participant_b"));
                let tournament = tournament("Smoke Cup", "smoke-cup", i, cup);
                self.matches.push(MatchSeed { id, a, b, tournament });
            }
        }
    }

    /// The user of a row, made when no row before it had that name.
    fn user(&mut self, row: &Row, prefix: &str) -> Arc<User> {
        let of = |name: &str| text(row, &format!("{prefix}_{name}"));
        let username = of("username");
        if let Some(known) = self.users.iter().find(|user| user.username == username) {
            return Arc::clone(known);
        }
        let id = self.users.iter().map(|user| user.id).max().unwrap_or(0) + 1;
        let user = Arc::new(User {
            id,
            username,
            email: of("email"),
            password: Secret::new(of("password")),
            display_name: of("display_name"),
            phone: of("phone"),
            ip: address(id).to_string(),
            role: Role::Player,
        });
        self.users.push(Arc::clone(&user));
        user
    }

    /// The rows and variables for scenarios.
    pub(super) fn fixtures(&self) -> Fixtures {
        let mut vars = Row::new();
        if let Some(staff) = self.users.first() {
            vars.extend(account("staff", staff));
        }
        Fixtures {
            payments: self.payments.iter().map(payment_row).collect(),
            matches: self.matches.iter().map(match_row).collect(),
            vars,
        }
    }
}

fn int(row: &Row, column: &str) -> Option<i64> {
    row.get(column)?.as_i64()
}

fn text(row: &Row, column: &str) -> String {
    match row.get(column) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Every fifth name has letters outside ASCII, so that escapes are exercised in every run.
fn tournament(name: &str, slug: &str, i: i64, id: i64) -> Arc<Tournament> {
    let n = i + 1;
    let name =
        if n % 5 == 0 { format!("{name} Ünïcode কাপ {n:05}") } else { format!("{name} {n:05}") };
    Arc::new(Tournament { id, name, slug: format!("{slug}-{n:05}") })
}

fn payment_row(payment: &PaymentSeed) -> Row {
    let mut row = Row::from([
        ("payment_id".to_owned(), json!(payment.id)),
        ("registration_id".to_owned(), json!(payment.registration_id)),
        ("tournament_id".to_owned(), json!(payment.tournament.id)),
        ("amount_bdt".to_owned(), json!(payment.amount_bdt)),
        ("user_display_name".to_owned(), json!(payment.owner.display_name)),
        ("user_phone".to_owned(), json!(payment.owner.phone)),
    ]);
    row.extend(account("user", &payment.owner));
    row
}

fn match_row(one: &MatchSeed) -> Row {
    let mut row = Row::from([
        ("match_id".to_owned(), json!(one.id)),
        ("tournament_id".to_owned(), json!(one.tournament.id)),
        ("participant_a_display_name".to_owned(), json!(one.a.display_name)),
        ("participant_b_display_name".to_owned(), json!(one.b.display_name)),
    ]);
    row.extend(account("participant_a", &one.a));
    row.extend(account("participant_b", &one.b));
    row
}

fn account(prefix: &str, user: &User) -> [(String, Value); 3] {
    [
        (format!("{prefix}_username"), json!(user.username)),
        (format!("{prefix}_password"), json!(user.password.expose())),
        (format!("{prefix}_email"), json!(user.email)),
    ]
}

const FIRST: [&str; 16] = [
    "Rahim", "Karim", "Nusrat", "Farhan", "Tania", "Sabbir", "Mehedi", "Ayesha", "Imran", "Jannat", "Rakib",
    "Sadia", "Tanvir", "Lamia", "Shakil", "Nadia",
];
const LAST: [&str; 12] = [
    "Hossain",
    "Ahmed",
    "Islam",
    "Chowdhury",
    "Akter",
    "Rahman",
    "Khan",
    "Sultana",
    "Uddin",
    "Begum",
    "Mia",
    "Das",
];

/// A user's address, of the network of benchmarks (RFC 2544), which no server on the way has.
fn address(user: i64) -> Ipv4Addr {
    let [.., high, low] = user.to_be_bytes();
    Ipv4Addr::new(198, 18, high, low)
}

/// Makes people whose names do not repeat.
struct People {
    random: Seeded,
    next_id: i64,
}

impl People {
    fn one(&mut self, role: Role) -> io::Result<Arc<User>> {
        let id = self.next_id;
        self.next_id += 1;
        let (first, last) = (self.random.pick(&FIRST), self.random.pick(&LAST));
        // A suffix with the id in it makes each name unique, and distinctive enough to be a canary.
        let tail = format!("{:04x}{id:x}", self.random.next() & 0xffff);
        let username = match role {
            Role::Staff => format!("staff_{tail}"),
            Role::Player => format!("{}_{tail}", first.to_lowercase()),
        };
        let digits = self.random.next() % 100_000_000;
        Ok(Arc::new(User {
            id,
            email: format!("{}.{tail}@example.com", last.to_lowercase()),
            username,
            password: Secret::new(hex::encode(random::bytes::<12>()?)),
            display_name: format!("{first} {last} {}", tail.to_uppercase()),
            phone: format!("+88017{digits:08}"),
            ip: address(id).to_string(),
            role,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_has_its_columns_and_its_own_people_and_tournament() {
        let seeds = Seeds::sow(FixtureSize { payments: 200, matches: 50 }, 7).unwrap();
        let fixtures = seeds.fixtures();
        let columns: Vec<&str> = fixtures.payments[0].keys().map(String::as_str).collect();
        let expected = "amount_bdt payment_id registration_id tournament_id user_display_name user_email user_password \
                        user_phone user_username";
        assert_eq!(columns.join(" "), expected);
        let columns: Vec<&str> = fixtures.matches[0].keys().map(String::as_str).collect();
        let expected = "match_id participant_a_display_name participant_a_email participant_a_password \
                        participant_a_username participant_b_display_name participant_b_email participant_b_password \
                        participant_b_username tournament_id";
        assert_eq!(columns.join(" "), expected);
        assert_eq!(fixtures.vars.len(), 3);
        let names: BTreeSet<_> = seeds.users.iter().map(|u| u.username.to_lowercase()).collect();
        let emails: BTreeSet<_> = seeds.users.iter().map(|u| u.email.to_lowercase()).collect();
        assert_eq!((names.len(), emails.len()), (301, 301));
        let rows = fixtures.payments.iter().chain(&fixtures.matches);
        let tournaments: BTreeSet<_> = rows.map(|row| row["tournament_id"].as_i64().unwrap()).collect();
        assert_eq!(tournaments.len(), 250);
    }

    #[test]
    fn names_follow_the_seed_and_passwords_never_do() {
        let size = FixtureSize { payments: 2, matches: 0 };
        let (a, b) = (Seeds::sow(size, 1).unwrap(), Seeds::sow(size, 1).unwrap());
        assert_eq!(a.users[1].username, b.users[1].username);
        assert_ne!(a.users[1].password, b.users[1].password);
        assert_ne!(a.users[1].username, Seeds::sow(size, 2).unwrap().users[1].username);
        assert_eq!(format!("{:?}", a.fixtures()), "Fixtures(2 payments, 0 matches)");
    }
}
