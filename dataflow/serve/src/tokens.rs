//! Bearer tokens: each belongs to an actor with roles and expires at an instant.
//!
//! The file holds only hashes, so a reader of the file can give no command. To make a token and its hash:
//!
//! ```text
//! token=$(openssl rand -hex 32)
//! printf %s "$token" | sha256sum
//! ```
//!
//! Give the token to the person and the hash to the file:
//!
//! ```toml
//! [[token]]
//! sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! actor = "mara"
//! roles = ["store_manager"]
//! expires_at = "2027-01-01T00:00:00Z"
//! ```
//!
//! The file is read again when it changes; while it cannot be read, no token is valid.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use contract::ids::{Id, is_id};
use contract::time::DAY_MS;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::value::{Datetime, Offset};

use crate::error::Error;

/// The content of a tokens file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokensFile {
    /// The tokens.
    #[serde(default)]
    token: Vec<TokenEntry>,
}

/// A token in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    /// The SHA-256 of the token in hex.
    sha256: String,
    /// The actor who holds the token: an id.
    actor: String,
    /// The roles of the actor: ids.
    roles: Vec<String>,
    /// The end of validity: RFC 3339 with an offset, or milliseconds since 1970 UTC.
    expires_at: toml::Value,
}

/// The holder of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The actor.
    pub actor: Id,
    /// The roles.
    pub roles: Vec<Id>,
    /// The end of the token's validity.
    pub expires_at: i64,
}

impl Holder {
    /// Returns true if the holder has this role.
    pub fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held.as_str() == role)
    }
}

/// The reason for which a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The token is not in the file.
    Unknown,
    /// The token has expired; it belonged to this actor.
    Expired(Id),
}

#[derive(Debug)]
struct Token {
    hash: [u8; 32],
    holder: Holder,
}

/// The modification time and length of the file, which show whether it has changed.
type Stamp = Option<(SystemTime, u64)>;

/// The tokens of a file.
#[derive(Debug)]
pub struct Tokens {
    path: Option<PathBuf>,
    known: Mutex<(Stamp, Vec<Token>)>,
}

impl Tokens {
    /// Opens a file of tokens; without a file no token is valid.
    ///
    /// # Errors
    /// If the file cannot be read or is wrong.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let known = path.map(|path| Ok((stamp(path), read(path)?))).transpose()?.unwrap_or_default();
        Ok(Tokens { path: path.map(Path::to_owned), known: Mutex::new(known) })
    }

    /// Returns the holder of a token at wall-clock time `now`.
    ///
    /// # Errors
    /// If the token is unknown or has expired.
    pub fn holder(&self, token: &str, now: i64) -> Result<Holder, Refused> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.renew(&mut known);
        // Every hash is compared to its end, so the time taken tells nothing.
        let same = |held: &&Token| blake3::Hash::from_bytes(held.hash) == blake3::Hash::from_bytes(hash);
        let mut found = None;
        for held in known.1.iter() {
            if same(&held) {
                found = Some(&held.holder);
            }
        }
        let holder = found.ok_or(Refused::Unknown)?;
        if holder.expires_at <= now { Err(Refused::Expired(holder.actor)) } else { Ok(holder.clone()) }
    }

    fn renew(&self, known: &mut (Stamp, Vec<Token>)) {
        let Some(path) = &self.path else { return };
        let now = stamp(path);
        if now == known.0 {
            return;
        }
        let tokens = read(path).unwrap_or_else(|error| {
            tracing::error!(%error, "the tokens file changed and cannot be read: nobody is known");
            Vec::new()
        });
        tracing::info!(path = %path.display(), tokens = tokens.len(), "the tokens file was read again");
        *known = (now, tokens);
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &Path) -> Result<Vec<Token>, Error> {
    let wrong = |problem: String| Error::Tokens { path: path.to_owned(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    parse(&text).map_err(wrong)
}

fn parse(text: &str) -> Result<Vec<Token>, String> {
    let file: TokensFile = toml::from_str(text).map_err(|error| error.to_string())?;
    file.token
        .iter()
        .zip(1..)
        .map(|(entry, number)| entry.token().map_err(|problem| format!("token {number}: {problem}")))
        .collect()
}

impl TokenEntry {
    fn token(&self) -> Result<Token, String> {
        let hash = blake3::Hash::from_hex(&self.sha256).map_err(|_| "sha256 must be 64 hex digits")?.into();
        let id = |text: &String| if is_id(text) { Ok(Id::new(text)) } else { Err(format!("{text:?} is not an id")) };
        if self.roles.is_empty() {
            return Err("roles must name at least one".to_owned());
        }
        let roles = self.roles.iter().map(id).collect::<Result<_, _>>()?;
        let expires_at = instant(&self.expires_at)
            .ok_or("expires_at must be RFC 3339 with an offset, such as 2027-01-01T00:00:00Z, or milliseconds")?;
        Ok(Token { hash, holder: Holder { actor: id(&self.actor)?, roles, expires_at } })
    }
}

/// Returns the milliseconds since 1970 UTC of an integer, a TOML date-time or its text.
fn instant(value: &toml::Value) -> Option<i64> {
    match value {
        toml::Value::Integer(instant_ms) => Some(*instant_ms),
        toml::Value::Datetime(datetime) => datetime_ms(datetime),
        toml::Value::String(text) => datetime_ms(&text.parse().ok()?),
        _ => None,
    }
}

fn datetime_ms(datetime: &Datetime) -> Option<i64> {
    let (date, time) = (datetime.date?, datetime.time?);
    let behind_minutes = match datetime.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_before(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let minutes = i64::from(time.hour) * 60 + i64::from(time.minute) - behind_minutes;
    Some(days * DAY_MS + (minutes * 60 + i64::from(time.second.unwrap_or(0))) * 1_000)
}

/// Returns the days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March, so that the leap day is
/// last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let years = if month > 2 { year } else { year - 1 };
    let days_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    years * 365 + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400) + days_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(token: &str, roles: &str, expires_at: &str) -> String {
        let hash = blake3::Hash::from_bytes(Sha256::digest(token).into()).to_hex();
        format!("[[token]]\nsha256 = \"{hash}\"\nactor = \"mara\"\nroles = {roles}\nexpires_at = {expires_at}\n")
    }

    #[test]
    fn instants_are_read_in_every_spelling() {
        let cases = [
            ("1798761600000", Some(1_798_761_600_000)),
            ("2027-01-01T00:00:00Z", Some(1_798_761_600_000)),
            ("\"2027-01-01T00:00:00Z\"", Some(1_798_761_600_000)),
            ("\"2027-01-01T02:30:00+02:30\"", Some(1_798_761_600_000)),
            ("\"2024-02-29T23:59:59Z\"", Some(1_709_251_199_000)),
            ("\"1970-01-01T00:00:00Z\"", Some(0)),
            ("\"2027-01-01T00:00:00\"", None),
            ("\"2027-01-01\"", None),
            ("\"soon\"", None),
            ("true", None),
        ];
        for (text, expected) in cases {
            let value = format!("at = {text}").parse::<toml::Table>().expect("TOML")["at"].clone();
            assert_eq!(instant(&value), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_file_is_refused_with_a_sentence() {
        let good = entry("secret", "[\"store_manager\"]", "1");
        let cases = [
            (good.replace("sha256 = \"", "sha256 = \"x"), "token 1: sha256 must be 64 hex digits"),
            (good.replace("mara", "ma ra"), "token 1: \"ma ra\" is not an id"),
            (good.replace("[\"store_manager\"]", "[]"), "token 1: roles must name at least one"),
            (good.replace("expires_at = 1", "expires_at = \"soon\""), "token 1: expires_at must be"),
            (good.replace("actor", "name"), "unknown field `name`"),
        ];
        for (text, problem) in cases {
            let said = parse(&text).expect_err("refused");
            assert!(said.contains(problem), "{said}");
        }
    }

    #[test]
    fn a_changed_file_counts_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens.toml");
        std::fs::write(&path, entry("secret", "[\"store_manager\"]", "1000")).expect("written");
        let tokens = Tokens::open(Some(&path)).expect("tokens");
        let holder = tokens.holder("secret", 999).expect("known");
        assert_eq!((holder.actor.as_str(), holder.has("store_manager"), holder.has("finance")), ("mara", true, false));
        assert_eq!(tokens.holder("secret", 1_000), Err(Refused::Expired(Id::new("mara"))));
        assert_eq!(tokens.holder("guess", 0), Err(Refused::Unknown));
        std::fs::write(&path, entry("another", "[\"finance\", \"planning\"]", "1000")).expect("written");
        assert_eq!(tokens.holder("secret", 0), Err(Refused::Unknown));
        assert!(tokens.holder("another", 0).is_ok());
        std::fs::write(&path, "not toml").expect("written");
        assert_eq!(tokens.holder("another", 0), Err(Refused::Unknown));
    }
}
