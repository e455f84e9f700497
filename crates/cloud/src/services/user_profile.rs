//! Optional properties of a user: checked, then written into the row.
//!
//! Public clients send empty objects and empty texts for what they do not mean to change, so these leave the
//! stored value alone; null clears where there is something to clear.

use bartizan_api::{ApiError, user::UserProfile};
use bartizan_store::entity;
use serde_json::{Map, Value, json};

use super::user_view::NOTIFICATIONS;

const COMPONENTS: &[&str] = &["waf", "fast", "license", "nodedata", "closed"];
const MAX_TEMPLATES: usize = 100;
const MAX_TEMPLATE_BYTES: usize = 2048;

/// Writes what the request gives into the row.
///
/// # Errors
/// 400 naming the field and the offending value.
pub fn apply(row: &mut entity::user::Model, given: &UserProfile) -> Result<(), ApiError> {
    if let Some(phone) = &given.phone {
        set_text(&mut row.phone, phone.as_deref(), "invalid phone", |text| {
            text.chars().count() <= 32
                && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | ' ' | '-'))
        })?;
    }
    if let Some(title) = &given.job_title {
        set_text(&mut row.job_title, title.as_deref(), "invalid job_title", |text| {
            text.chars().count() <= 128
        })?;
    }
    let mut profile = row.profile.as_object().cloned().unwrap_or_default();
    apply_formats(&mut profile, given)?;
    if let Some(components) = given.components.as_ref().filter(|names| !names.is_empty()) {
        if let Some(unknown) = components.iter().find(|name| !COMPONENTS.contains(&name.as_str())) {
            return Err(ApiError::invalid("unknown component", unknown.as_str()));
        }
        profile.insert("components".to_owned(), json!(components));
    }
    if let Some(wanted) = &given.notifications {
        merge_notifications(&mut profile, wanted)?;
    }
    match &given.search_templates {
        None => {}
        Some(None) => {
            profile.insert("search_templates".to_owned(), json!({}));
        }
        Some(Some(templates)) => set_templates(&mut profile, templates)?,
    }
    row.profile = Value::Object(profile);
    Ok(())
}

fn set_text(
    place: &mut Option<String>,
    given: Option<&str>,
    error: &str,
    fits: impl Fn(&str) -> bool,
) -> Result<(), ApiError> {
    match given {
        None => *place = None,
        Some("") => {}
        Some(text) if fits(text) => *place = Some(text.to_owned()),
        Some(text) => return Err(ApiError::invalid(error, text)),
    }
    Ok(())
}

fn apply_formats(profile: &mut Map<String, Value>, given: &UserProfile) -> Result<(), ApiError> {
    let mut choose = |name: &str, value: &Option<String>, allowed: Option<&[&str]>| match value.as_deref() {
        None | Some("") => Ok(()),
        Some(text) if allowed.map_or(text.len() <= 64, |allowed| allowed.contains(&text)) => {
            profile.insert(name.to_owned(), json!(text));
            Ok(())
        }
        Some(text) => Err(ApiError::invalid(format!("invalid {name}"), text)),
    };
    if let Some(zone) = given.timezone.as_deref().filter(|zone| !zone.is_empty() && !is_timezone(zone)) {
        return Err(ApiError::invalid("invalid timezone", zone));
    }
    choose("timezone", &given.timezone, None)?;
    choose("language", &given.language, Some(&["en", "ru"]))?;
    choose("date_format", &given.date_format, Some(&["ddmmyy", "mmddyy", "yymmdd"]))?;
    choose("time_format", &given.time_format, Some(&["24h", "12h"]))?;
    choose("default_pool", &given.default_pool, None)?;
    match given.default_poolid {
        None => {}
        Some(None) => {
            profile.insert("default_poolid".to_owned(), Value::Null);
        }
        Some(Some(id)) if id == -1 || (1..=2_147_483_647).contains(&id) => {
            profile.insert("default_poolid".to_owned(), json!(id));
        }
        Some(Some(id)) => return Err(ApiError::invalid("invalid default_poolid", id)),
    }
    match given.last_read_news_id {
        None => {}
        Some(id) if id >= 0 => {
            profile.insert("last_read_news_id".to_owned(), json!(id));
        }
        Some(id) => return Err(ApiError::invalid("invalid last_read_news_id", id)),
    }
    match given.results_per_page {
        None | Some(0) => {}
        Some(rows) if (10..=1000).contains(&rows) => {
            profile.insert("results_per_page".to_owned(), json!(rows));
        }
        Some(rows) => return Err(ApiError::invalid("invalid results_per_page", rows)),
    }
    Ok(())
}

/// A name of the IANA database, or an abbreviation such as `CEST`.
fn is_timezone(text: &str) -> bool {
    let abbreviation = (2..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase());
    abbreviation || text.parse::<chrono_tz::Tz>().is_ok()
}

/// Takes over the flags that are given; a kind without flags, or no kind at all, changes nothing.
fn merge_notifications(profile: &mut Map<String, Value>, wanted: &Value) -> Result<(), ApiError> {
    let invalid = |value: &Value| ApiError::invalid("invalid notifications", value.clone());
    let stored = profile.entry("notifications").or_insert_with(|| json!({}));
    for (kind, flags) in wanted.as_object().ok_or_else(|| invalid(wanted))? {
        if !NOTIFICATIONS.contains(&kind.as_str()) || flags.is_null() {
            continue;
        }
        for (channel, flag) in flags.as_object().ok_or_else(|| invalid(flags))? {
            if !matches!(channel.as_str(), "email" | "sms") || flag.is_null() {
                continue;
            }
            let flag = flag.as_bool().ok_or_else(|| invalid(flag))?;
            if let Some(kinds) = stored.as_object_mut() {
                let entry =
                    kinds.entry(kind.clone()).or_insert_with(|| json!({"email": false, "sms": false}));
                if let Some(entry) = entry.as_object_mut() {
                    entry.insert(channel.clone(), json!(flag));
                }
            }
        }
    }
    Ok(())
}

fn set_templates(profile: &mut Map<String, Value>, templates: &Value) -> Result<(), ApiError> {
    let invalid = |value: Value| ApiError::invalid("invalid search_templates", value);
    let map = templates.as_object().ok_or_else(|| invalid(templates.clone()))?;
    if map.is_empty() {
        return Ok(());
    }
    if map.len() > MAX_TEMPLATES {
        return Err(invalid(json!(map.len())));
    }
    let fits = |query: &Value| query.as_str().is_some_and(|text| text.len() <= MAX_TEMPLATE_BYTES);
    if let Some((name, _)) = map.iter().find(|(_, query)| !fits(query)) {
        return Err(invalid(json!(name)));
    }
    profile.insert("search_templates".to_owned(), templates.clone());
    Ok(())
}
