//! Lines that look as if they held a secret are not sent, whoever the provider is.
//!
//! A list of well-known shapes, and names of secrets with a literal behind them. It errs on the side of
//! leaving out: the cost of a line too few is a poorer sentence. It cannot know every secret, and the
//! manual says so.

use regex::RegexSet;
use std::sync::LazyLock;

/// Shapes of secrets. What each is stands beside it.
const SHAPES: &[&str] = &[
    // Private keys and certificates in PEM
    r"-----BEGIN ",
    // Amazon: key ids
    r"\b(AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b",
    // GitHub, GitLab
    r"\b(gh[pousr]_[0-9A-Za-z]{20,}|github_pat_[0-9A-Za-z_]{20,}|gl(pat|ptt|dt|rt)-[0-9A-Za-z_-]{16,})",
    // Slack
    r"\bxox[abeprs]-[0-9A-Za-z-]{8,}|hooks\.slack\.com/",
    // Google
    r"\bAIza[0-9A-Za-z_-]{30,}|\bya29\.[0-9A-Za-z_-]{10,}",
    // OpenAI, Anthropic, Stripe and who else begins so
    r"\b(sk|pk|rk)[-_](ant|proj|live|test|svcacct)?[-_]?[0-9A-Za-z_-]{16,}",
    // Registries, SendGrid, Twilio, DigitalOcean, Hugging Face, Shopify, age, Vault
    r"\b(npm_|pypi-|SG\.|SK[0-9a-f]{30}|dop_v1_|hf_|shp(at|ca|pa|ss)_|AGE-SECRET-KEY-|hvs\.)[0-9A-Za-z_.-]{8,}",
    // JSON Web Tokens
    r"\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}",
    // A user with a password in an address
    r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@'\x22]*:[^\s/@'\x22]+@",
    // HTTP's own
    r"(?i)\b(authorization|proxy-authorization|x-api-key|cookie)\b.{0,12}[:=,].{0,4}\S{6,}",
    r"(?i)\b(bearer|basic)\s+[0-9a-z+/=_.-]{12,}",
    // Something called a secret, and a literal behind it
    r"(?i)(pass(word|wd|phrase)?|pwd|secret|token|api_?-?key|access_?-?key|private_?-?key|credential|client_?-?secret|auth|salt|pin)\w*['\x22\])]*\s*(:?=|=>|:|,|\()\s*\(?[a-z]{0,2}['\x22`][^'\x22`]{3,}['\x22`]",
    // The same without quotes, as in .env and YAML
    r"(?i)^\s*(export\s+)?[a-z0-9_.-]*(pass(word|wd)?|secret|token|api_?-?key|access_?-?key|private_?-?key|credential)[a-z0-9_.-]*\s*[:=]\s*[^\s$<{(\[\x22'][^\s()\[\]]{5,}\s*$",
    // Long runs of hexadecimal digits or base64, whatever they are
    r"\b[0-9a-fA-F]{32,}\b",
    r"['\x22`=][0-9A-Za-z+/_-]{40,}={0,2}(['\x22`]|\s|$)",
];

static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(SHAPES).ok());

/// Whether a line looks as if it held a secret.
pub fn looks_secret(line: &str) -> bool {
    // Without the list, every line is one.
    SET.as_ref().is_none_or(|set| set.is_match(line))
}

#[cfg(test)]
mod tests {
    use super::looks_secret;

    #[test]
    fn well_known_shapes_are_seen() {
        // Put together here, so that no scanner takes this file for a leak.
        let join = |parts: &[&str]| parts.concat();
        for line in [
            join(&["-----BEGIN ", "RSA PRIVATE KEY-----"]),
            join(&["id = 'AKIA", "IOSFODNN7EXAMPLE'"]),
            join(&[
                "git clone https://ghp_",
                "0123456789abcdefghij0123456789abcdef@x",
            ]),
            join(&["slack('xoxb", "-123456789012-abcdef')"]),
            join(&["key: AIza", "SyA0123456789012345678901234567890123"]),
            join(&[
                "c = Anthropic(api_key=\"sk-",
                "ant-api03-abcdefghijklmnop\")",
            ]),
            join(&["stripe.api_key = 'sk_", "live_0123456789abcdef01'"]),
            join(&["jwt = eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig"]),
            "conn = connect('postgres://app:hunter2@db/prod')".to_owned(),
            "password = \"hunter2\"".to_owned(),
            "db_password: 'hunter2'".to_owned(),
            "  DB_PASSWORD=hunter2hunter2".to_owned(),
            "setToken(\"abc123\")".to_owned(),
            "os.environ['API_KEY'] = 'abc123'".to_owned(),
            "headers['Authorization'] = 'Token abcdef'".to_owned(),
            "h = 'Bearer abcdef0123456789'".to_owned(),
            format!("k = '{}'", "0a".repeat(16)),
            format!("k = \"{}\"", "Zx9+".repeat(11)),
        ] {
            assert!(looks_secret(&line), "{line}");
        }
    }

    #[test]
    fn plain_code_is_not_left_out() {
        for line in [
            "cur.execute(\"SELECT pg_advisory_lock(%s)\", (job_id,))",
            "password = os.environ[\"DB_PASSWORD\"]",
            "token = request.headers.get(name)",
            "git rebase --onto main feature",
            "await Promise.all(urls.map(fetch))",
            "with open(path) as file:",
            "ctx, cancel := context.WithTimeout(parent, 5*time.Second)",
            "let guard = store.lock().await;",
            "def check_password(user, password):",
        ] {
            assert!(!looks_secret(line), "{line}");
        }
    }
}
