//! Credentials that their makers gave a recognisable form, and URLs that carry their own secret.

/// One regular expression, applied only to texts with one of the [`HINTS`].
pub(super) const FORMS: &str = r"(?x)
    (?P<jwt>eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*)
    |(?P<pem>-----BEGIN\x20(?:[A-Z0-9]+\x20)*PRIVATE\x20KEY(?:\x20BLOCK)?-----)
    |(?P<vendor>
        (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}
        |gh[pousr]_[A-Za-z0-9]{20,255}
        |github_pat_[A-Za-z0-9_]{20,255}
        |gl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent|oas)-[A-Za-z0-9_-]{16,}
        |xox[abeoprs](?:-[A-Za-z0-9]+)+[A-Za-z0-9-]{6,}
        |xapp-[0-9]-[A-Za-z0-9-]{10,}
        |xoxe\.[A-Za-z0-9.-]{10,}
        |(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}
        |whsec_[A-Za-z0-9+/=]{16,}
        |AIza[A-Za-z0-9_-]{30,}
        |ya29\.[A-Za-z0-9_-]{16,}
        |1//0[A-Za-z0-9_-]{20,}
        |GOCSPX-[A-Za-z0-9_-]{16,}
        |SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
        |npm_[A-Za-z0-9]{30,}
        |pypi-AgE[A-Za-z0-9_-]{40,}
        |dop_v1_[a-f0-9]{60,}
        |shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{28,}
        |sk-(?:proj-|ant-[a-z0-9]+-)?[A-Za-z0-9_-]{20,}
        |hf_[A-Za-z0-9]{30,}
        |sq0(?:atp|csp)-[A-Za-z0-9_-]{20,}
        |key-[0-9a-f]{32}
        |[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}
        |[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}
        |\$2[aby]\$[0-9][0-9]\$[./A-Za-z0-9]{53}
        |\$argon2(?:id|i|d)\$[^\s]{20,}
        |pbkdf2_sha256\$[0-9]+\$[^\s]{20,}
    )
    |(?i:
        (?:discord(?:app)?\.com|discord\.gg)/api/(?:v[0-9]+/)?webhooks/[0-9]+/(?P<discord>[A-Za-z0-9_-]{8,})
        |hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Z0-9]+/[A-Z0-9]+/(?P<slack>[A-Za-z0-9/]{6,})
        |api\.telegram\.org/(?:file/)?bot(?P<telegram>[0-9]+(?::|%3A)[A-Za-z0-9_-]{10,})
        |[a-z0-9.-]*webhook\.office(?:365)?\.com/(?P<office>[A-Za-z0-9@/_-]{30,})
        |hooks\.zapier\.com/hooks/catch/[0-9]+/(?P<zapier>[a-z0-9]{5,})
    )
    ";

/// Parts of which every form has one, compared without case.
pub(super) const HINTS: &[&str] = &[
    "eyj",
    "private key",
    "akia",
    "asia",
    "abia",
    "acca",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gldt-",
    "glrt-",
    "glptt-",
    "glcbt-",
    "glsoat-",
    "glft-",
    "glimt-",
    "glagent-",
    "gloas-",
    "xox",
    "xapp-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "whsec_",
    "aiza",
    "ya29.",
    "1//0",
    "gocspx-",
    "sg.",
    "npm_",
    "pypi-age",
    "dop_v1_",
    "shpat_",
    "shpca_",
    "shppa_",
    "shpss_",
    "sk-",
    "hf_",
    "sq0",
    "key-",
    ":aa",
    "$2",
    "$argon2",
    "pbkdf2_",
    "webhooks/",
    "webhook.office",
    "hooks.slack",
    "hooks.zapier",
    "api.telegram.org",
];

/// Beside these words a bot's token is looked for, which has no part of its own that is plain to see.
pub(super) const BOTS: &[&str] = &["webhook", "hooks."];

/// Whether `text` has the two dots of a bot's token, with six or seven characters between them, and enough of its own before them.
pub(super) fn may_have_bot(text: &str) -> bool {
    let bytes = text.as_bytes();
    let dot = |at: usize| bytes.get(at) == Some(&b'.');
    let own = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let begins = |at: usize| {
        let before = at.checked_sub(BEFORE_DOT).and_then(|start| bytes.get(start..at));
        before.is_some_and(|before| before.iter().rev().all(own))
    };
    memchr::memchr_iter(b'.', bytes).any(|at| (dot(at + 7) || dot(at + 8)) && begins(at))
}

/// Fewest characters of a bot's token before its first dot.
const BEFORE_DOT: usize = 24;

/// The names of the groups that hold the value.
pub(super) const GROUPS: [&str; 8] =
    ["jwt", "pem", "vendor", "discord", "slack", "telegram", "office", "zapier"];
