//! Targets that are buckets of Amazon S3.

use bartizan_api::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Target, is_header_value, member, members, wrong_in};

/// A bucket of Amazon S3, and what opens it: a role, or a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct S3 {
    /// Region, `eu-central-1`.
    pub region: String,
    /// Bucket.
    pub bucket: String,
    /// Role that the cloud takes on to write; empty: by key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
    /// Identity of the key; empty: by role.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub access_key_id: String,
    /// The key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret: String,
    /// `json` or `jsonl`.
    #[serde(default = "default_format")]
    pub format: String,
}

fn default_format() -> String {
    "json".to_owned()
}

/// Checks a bucket as it was sent.
///
/// # Errors
/// 400 with the member at fault.
pub(super) fn parse(sent: &Value) -> Result<Target, ApiError> {
    member(sent, "region")?;
    member(sent, "bucket")?;
    let s3: S3 = members(sent)?;
    if !is_region(&s3.region) {
        return Err(wrong_in("region", "should be a region as eu-central-1"));
    }
    if !is_bucket(&s3.bucket) {
        return Err(wrong_in("bucket", "should have 3 to 63 lower-case letters, digits, dots and hyphens"));
    }
    if !["json", "jsonl"].contains(&s3.format.as_str()) {
        return Err(wrong_in("format", "should be json or jsonl"));
    }
    if s3.role_arn.is_empty() {
        member(sent, "access_key_id")?;
        member(sent, "secret")?;
        if !(16..=128).contains(&s3.access_key_id.len())
            || !s3.access_key_id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(wrong_in("access_key_id", "should have 16 to 128 letters and digits"));
        }
        if !is_header_value(&s3.secret) {
            return Err(wrong_in("secret", "is invalid"));
        }
    } else {
        if !s3.access_key_id.is_empty() || !s3.secret.is_empty() {
            return Err(wrong_in("role_arn", "should be given without access_key_id and secret"));
        }
        if !is_role(&s3.role_arn) {
            return Err(wrong_in("role_arn", "should be a role as arn:aws:iam::123456789012:role/name"));
        }
    }
    Ok(Target::S3(s3))
}

/// It becomes a part of a host name.
fn is_region(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The rules of general purpose buckets; it becomes a part of a host name or of a path.
fn is_bucket(text: &str) -> bool {
    let may_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    (3..=63).contains(&bytes.len())
        && may_end(bytes.first())
        && may_end(bytes.last())
        && !text.contains("..")
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(byte))
}

fn is_role(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service, region, account, resource) =
        (next(), next(), next(), next(), next(), next());
    let name = resource.strip_prefix("role/").unwrap_or_default();
    (arn, service, region) == ("arn", "iam", "")
        && ["aws", "aws-cn", "aws-us-gov"].contains(&partition)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=512).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+=,.@_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_aws_are_told_from_others() {
        for (bucket, good) in [
            ("logs", true),
            ("a.b-c1", true),
            ("ab", false),
            ("Logs", false),
            ("a..b", false),
            ("-ab", false),
            ("a/b", false),
        ] {
            assert_eq!(is_bucket(bucket), good, "{bucket}");
        }
        for (role, good) in [
            ("arn:aws:iam::123456789012:role/bartizan", true),
            ("arn:aws-cn:iam::123456789012:role/a/b", true),
            ("arn:aws:iam::12345678901:role/bartizan", false),
            ("arn:aws:iam::123456789012:user/bartizan", false),
            ("arn:aws:iam::123456789012:role/", false),
            ("bartizan", false),
        ] {
            assert_eq!(is_role(role), good, "{role}");
        }
        assert!(is_region("eu-central-1") && !is_region("eu.evil.test/1") && !is_region(""));
    }
}
