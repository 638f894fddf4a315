//! JSON Web Tokens (RFC 7519, HS256) as simplejwt issues them.

use super::super::random;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::io;
use std::time::Duration;

/// Refresh tokens are good for 7 days (docs/deltacrown.md section 1), in seconds.
const REFRESH_S: i64 = 7 * 24 * 3600;

/// The two kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TokenKind {
    Access,
    Refresh,
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadToken {
    Invalid,
    Expired,
    WrongType,
}

impl BadToken {
    /// In simplejwt's words.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Invalid => "Token is invalid",
            Self::Expired => "Token is expired",
            Self::WrongType => "Token has wrong type",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    token_type: TokenKind,
    exp: i64,
    iat: i64,
    jti: String,
    user_id: i64,
}

/// Issues and checks tokens with a key of this process.
pub(super) struct Tokens {
    mac: Hmac<Sha256>,
    /// How long an access token is good, in seconds.
    access_s: i64,
}

impl Tokens {
    pub(super) fn new(access: Duration) -> io::Result<Self> {
        let key = random::bytes::<32>()?;
        let mac = Hmac::new_from_slice(&key).map_err(io::Error::other)?;
        Ok(Self { mac, access_s: i64::try_from(access.as_secs()).unwrap_or(i64::MAX / 2) })
    }

    /// A token for a user; `now` in Unix seconds.
    pub(super) fn issue(&self, kind: TokenKind, user_id: i64, now: i64) -> String {
        let life = match kind {
            TokenKind::Access => self.access_s,
            TokenKind::Refresh => REFRESH_S,
        };
        let jti = uuid::Uuid::new_v4().simple().to_string();
        let claims = Claims { token_type: kind, exp: now + life, iat: now, jti, user_id };
        let claims = serde_json::to_string(&claims).unwrap_or_default();
        let signed = format!("{}.{}", BASE64.encode(r#"{"alg":"HS256","typ":"JWT"}"#), BASE64.encode(claims));
        let signature = self.mac.clone().chain_update(signed.as_bytes()).finalize().into_bytes();
        format!("{signed}.{}", BASE64.encode(signature))
    }

    /// The user of a token; `kind` when only one kind will do.
    pub(super) fn check(&self, token: &str, kind: Option<TokenKind>, now: i64) -> Result<i64, BadToken> {
        let (signed, signature) = token.rsplit_once('.').ok_or(BadToken::Invalid)?;
        let signature = BASE64.decode(signature).map_err(|_| BadToken::Invalid)?;
        let mac = self.mac.clone().chain_update(signed.as_bytes());
        mac.verify_slice(&signature).map_err(|_| BadToken::Invalid)?;
        let claims = signed.split_once('.').and_then(|(_, claims)| BASE64.decode(claims).ok());
        let claims: Claims =
            claims.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(BadToken::Invalid)?;
        if claims.exp <= now {
            Err(BadToken::Expired)
        } else if kind.is_some_and(|kind| kind != claims.token_type) {
            Err(BadToken::WrongType)
        } else {
            Ok(claims.user_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn tokens_hold_for_their_time_and_kind_only() {
        let tokens = Tokens::new(HOUR).unwrap();
        let access = tokens.issue(TokenKind::Access, 7, 1000);
        assert_eq!(access.split('.').next().unwrap(), "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
        assert_eq!(tokens.check(&access, Some(TokenKind::Access), 1000 + 3600 - 1), Ok(7));
        assert_eq!(tokens.check(&access, None, 1000 + 3600), Err(BadToken::Expired));
        assert_eq!(tokens.check(&access, Some(TokenKind::Refresh), 1000), Err(BadToken::WrongType));
        let refresh = tokens.issue(TokenKind::Refresh, 7, 1000);
        assert_eq!(tokens.check(&refresh, None, 1000 + REFRESH_S - 1), Ok(7));
        for bad in
            ["", ".", "a.b.c", &access[1..], &Tokens::new(HOUR).unwrap().issue(TokenKind::Access, 7, 1000)]
        {
            assert_eq!(tokens.check(bad, None, 1000), Err(BadToken::Invalid), "{bad}");
        }
    }
}
