//! Which resource a path names.

/// A resource of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Token,
    TokenRefresh,
    TokenVerify,
    Payment {
        id: i64,
        action: PaymentAction,
    },
    Matches,
    Match {
        id: i64,
    },
    MatchAction {
        id: i64,
        action: MatchAction,
    },
    Health,
    Readiness,
    Metrics,
    /// A resource whose trailing slash is missing.
    Slashless(&'a str),
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PaymentAction {
    SubmitProof,
    Verify,
    Reject,
    Refund,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MatchAction {
    Start,
    SubmitResult,
    ConfirmResult,
    Dispute,
    ResolveDispute,
    Cancel,
}

impl MatchAction {
    /// The name under which the last operation is remembered.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::SubmitResult => "submit_result",
            Self::ConfirmResult => "confirm_result",
            Self::Dispute => "dispute",
            Self::ResolveDispute => "resolve_dispute",
            Self::Cancel => "cancel",
        }
    }
}

/// Finds the resource of a path.
pub(super) fn route(path: &str) -> Route<'_> {
    if path == "/metrics/metrics" {
        return Route::Metrics;
    }
    match (path.strip_suffix('/'), path) {
        (Some(bare), _) => resource(bare),
        (None, bare) if resource(bare) == Route::None => Route::None,
        (None, bare) => Route::Slashless(bare),
    }
}

fn resource(bare: &str) -> Route<'_> {
    let segments: Vec<&str> = bare.split('/').skip(1).collect();
    match segments[..] {
        ["healthz"] => Route::Health,
        ["readiness"] => Route::Readiness,
        ["api", "token"] => Route::Token,
        ["api", "token", "refresh"] => Route::TokenRefresh,
        ["api", "token", "verify"] => Route::TokenVerify,
        ["api", "tournaments", "payments", id, action] => match (number(id), payment_action(action)) {
            (Some(id), Some(action)) => Route::Payment { id, action },
            _ => Route::None,
        },
        ["api", "tournaments", "matches"] => Route::Matches,
        ["api", "tournaments", "matches", id] => number(id).map_or(Route::None, |id| Route::Match { id }),
        ["api", "tournaments", "matches", id, action] => match (number(id), match_action(action)) {
            (Some(id), Some(action)) => Route::MatchAction { id, action },
            _ => Route::None,
        },
        _ => Route::None,
    }
}

/// An integer id; one too large for the database names nothing that exists.
fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::MAX))
}

fn payment_action(text: &str) -> Option<PaymentAction> {
    Some(match text {
        "submit-proof" => PaymentAction::SubmitProof,
        "verify" => PaymentAction::Verify,
        "reject" => PaymentAction::Reject,
        "refund" => PaymentAction::Refund,
        _ => return None,
    })
}

fn match_action(text: &str) -> Option<MatchAction> {
    Some(match text {
        "start" => MatchAction::Start,
        "submit-result" => MatchAction::SubmitResult,
        "confirm-result" => MatchAction::ConfirmResult,
        "dispute" => MatchAction::Dispute,
        "resolve-dispute" => MatchAction::ResolveDispute,
        "cancel" => MatchAction::Cancel,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_resources() {
        let verify = Route::Payment { id: 7, action: PaymentAction::Verify };
        assert_eq!(route("/api/tournaments/payments/7/verify/"), verify);
        let bare = "/api/tournaments/payments/7/verify";
        assert_eq!(route(bare), Route::Slashless(bare));
        let dispute = Route::MatchAction { id: 9, action: MatchAction::ResolveDispute };
        assert_eq!(route("/api/tournaments/matches/9/resolve-dispute/"), dispute);
        assert_eq!(route("/api/tournaments/matches/"), Route::Matches);
        assert_eq!(route("/api/tournaments/matches/9/"), Route::Match { id: 9 });
        assert_eq!(route("/metrics/metrics"), Route::Metrics);
        for none in [
            "/",
            "",
            "/metrics",
            "/metrics/",
            "/metrics/metrics/",
            "/api/tournaments/payments/",
            "/nope/",
            "/api/tournaments/payments/7/",
            "/api/tournaments/payments/x/verify/",
            "/healthz//",
            "/api/tournaments/payments/-7/verify/",
            "/api/tournaments/payments/7/approve/",
        ] {
            assert_eq!(route(none), Route::None, "{none}");
        }
        assert_eq!(route("/healthz"), Route::Slashless("/healthz"));
    }
}
