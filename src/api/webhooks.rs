//! `/api/webhooks`

use super::call::Call;
use super::csv::CsvFormat;
use super::fields::{self, JsonFields, JsonValue, Problems, shown};
use super::idempotency::{self, REPLAYED};
use crate::gather::Gather as _;
use crate::http::{Answer, Failure};
use crate::model::{
    ApiCode, Authorization, ClientCertificateName, EventId, EventType, ExpectedVersion, ExtraHeaders, Localized,
    MAX_AUTOMATIC_ATTEMPTS, MAX_DESCRIPTION_BYTES, Pattern, PatternSet, PayloadFilter, RateLimit, RetryPolicy,
    Signatures, SigningSecret, TargetError, TargetUrl, Timestamp, Webhook, WebhookId, WebhookName, WebhookPatch,
    WebhookStatus, WebhookVersion, format_duration, localized, parse_duration,
};
use crate::service::{CsvList, FilterTrial, HealthView, TrialOn, WebhookDraft};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) async fn register(call: &Call) -> Result<Answer, Failure> {
    let key = idempotency::key(&call.head.headers)?;
    let (draft, dry_run) = call.read(registration).await?;
    if dry_run {
        let webhook = call.service.plan_registration(&call.caller, draft).await?;
        return Ok(Answer::data(StatusCode::OK, &PlanShape::of(&webhook, Vec::new())));
    }
    let made = call.service.register(&call.caller, draft, key).await?;
    let webhook = &*made.webhook;
    let health = call.service.health(webhook);
    let tag = etag(webhook);
    // Anyone who lost the first answer needs the secret, and sends the same token; a later one was shown when it was
    // made.
    let shape = if made.has_first_secret {
        WebhookShape::with_secret(webhook, health)
    } else {
        WebhookShape::of(webhook, health)
    };
    let answer = if made.replayed {
        Answer::data(StatusCode::OK, &shape).with(REPLAYED, "true")
    } else {
        let location = format!("/api/webhooks/{}", webhook.id);
        Answer::data(StatusCode::CREATED, &shape).with(header::LOCATION, &location)
    };
    Ok(answer.with(header::ETAG, &tag))
}

pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    // The guide's own sample prints GET above text that says POST: never guess which was meant.
    call.read(refuse_registration_by_get).await?;
    let mut query = call.list();
    if let Some(csv) = CsvFormat::of(&mut query) {
        query.finish()?;
        return Ok(csv.answer(call, CsvList::Webhooks(None)));
    }
    let paging = query.paging();
    query.finish()?;
    let page = call.service.webhooks(&call.caller, paging.listing);
    Ok(paging.answer(&page, |webhook| WebhookShape::of(webhook, call.service.health(webhook))))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn show(call: &Call, id: WebhookId) -> Result<Answer, Failure> {
    let webhook = call.service.webhook(&call.caller, id)?;
    Ok(shown_with_tag(call, &webhook))
}

fn shown_with_tag(call: &Call, webhook: &Webhook) -> Answer {
    let shape = WebhookShape::of(webhook, call.service.health(webhook));
    Answer::data(StatusCode::OK, &shape).with(header::ETAG, &etag(webhook))
}

pub(super) async fn change(call: &Call, id: WebhookId) -> Result<Answer, Failure> {
    // Whose it is comes before what is wrong with it: a stranger learns nothing from a 422.
    call.service.webhook(&call.caller, id)?;
    let ((patch, dry_run), expected) = (call.read(patch).await?, if_match(&call.head.headers));
    if dry_run {
        let (before, after) = call.service.plan_change(&call.caller, id, patch, expected).await?;
        let shape = PlanShape::of(&after, before.differences(&after));
        return Ok(Answer::data(StatusCode::OK, &shape).with(header::ETAG, &etag(&before)));
    }
    let webhook = call.service.change_if(&call.caller, id, patch, expected).await?;
    Ok(shown_with_tag(call, &webhook))
}

pub(super) async fn delete(call: &Call, id: WebhookId) -> Result<Answer, Failure> {
    call.service.delete_if(&call.caller, id, if_match(&call.head.headers)).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

fn etag(webhook: &Webhook) -> String {
    format!("\"{}\"", webhook.version())
}

/// The versions that `If-Match` names. A weak tag, and one that carteiro never gave, match nothing (RFC 9110, 13.1.1).
fn if_match(headers: &HeaderMap) -> ExpectedVersion {
    let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
    if lines.peek().is_none() {
        return ExpectedVersion::Any;
    }
    let tags = lines.flat_map(|line| line.to_str().unwrap_or_default().split(',')).map(str::trim);
    let tags: Vec<&str> = tags.collect();
    if tags.contains(&"*") {
        return ExpectedVersion::Any;
    }
    let quoted = |tag: &&str| tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).map(str::to_owned);
    let versions = tags.iter().filter_map(quoted).filter_map(|tag| WebhookVersion::parse(&tag));
    ExpectedVersion::OneOf(versions.collect())
}

pub(super) async fn test(call: &Call, id: WebhookId) -> Result<Answer, Failure> {
    let view = call.service.test(&call.caller, id).await?;
    Ok(Answer::data(StatusCode::ACCEPTED, &view))
}

pub(super) async fn rotate_secret(call: &Call, id: WebhookId) -> Result<Answer, Failure> {
    // Whose it is comes before what is wrong with the body.
    call.service.webhook(&call.caller, id)?;
    let webhook = call.service.rotate_secret(&call.caller, id, call.read(overlap).await?).await?;
    Ok(Answer::data(StatusCode::OK, &WebhookShape::with_secret(&webhook, call.service.health(&webhook))))
}

pub(super) async fn rotate_key(call: &Call, id: WebhookId) -> Result<Answer, Failure> {
    // Whose it is comes before what is wrong with the body.
    call.service.webhook(&call.caller, id)?;
    let webhook = call.service.rotate_key(&call.caller, id, call.read(overlap).await?).await?;
    Ok(shown_with_tag(call, &webhook))
}

pub(super) async fn try_filter(call: &Call, id: WebhookId) -> Result<Answer, Failure> {
    // Whose it is comes before what is wrong with the body.
    call.service.webhook(&call.caller, id)?;
    let (filter, on) = call.read(trial).await?;
    let trial = call.service.try_filter(&call.caller, id, filter, on).await?;
    Ok(Answer::data(StatusCode::OK, &TrialShape::of(&trial)))
}

pub(super) fn refuse_registration_by_get(body: &[u8]) -> Result<(), Failure> {
    if fields::has_member(body, "webhook") {
        return Err(Failure::bad_request(
            ApiCode::UsePost,
            localized!(
                "a webhook is registered with POST /api/webhooks; this was a GET, which lists them: send the same body \
                 with -X POST",
                "um webhook é criado com POST /api/webhooks; este foi um GET, que os lista: envie o mesmo corpo com -X \
                 POST"
            ),
        ));
    }
    Ok(())
}

/// What a body says of how long the old secret or key signs; none needs to be sent.
fn overlap(body: &[u8]) -> Result<Option<Duration>, Failure> {
    let mut fields = JsonFields::of_optional_body(body)?;
    let overlap = fields.optional("overlap", |value| {
        let span = parse_duration(&value.text()?).filter(|span| *span <= Webhook::MAX_SECRET_OVERLAP);
        span.ok_or_else(|| {
            localized!(
                "must be a span from \"0s\" to \"30days\"; \"0s\" ends all older ones at once",
                "deve ser um prazo de \"0s\" a \"30days\"; \"0s\" encerra já todos os anteriores"
            )
        })
    });
    fields.finish()?;
    Ok(overlap)
}

/// A filter to be tried, and on what; none needs to be sent.
fn trial(body: &[u8]) -> Result<(Option<PayloadFilter>, TrialOn), Failure> {
    let mut fields = JsonFields::of_optional_body(body)?;
    let filter = fields.optional("filter", filter);
    let event = fields.optional("event_id", |value| EventId::parse(&value.text()?).ok_or_else(fields::must_be_uuid));
    let resource = fields.optional("resource", |value| {
        if value.is_object() { Ok(value.raw().to_owned()) } else { Err(fields::must_be_object()) }
    });
    if event.is_some() && resource.is_some() {
        let problem = localized!(
            "can't stand beside event_id: send one of the two",
            "não pode vir junto com event_id: envie um dos dois"
        );
        fields.problem("resource", problem);
    }
    fields.finish()?;
    let on = resource.map(TrialOn::Resource).or(event.map(TrialOn::Event)).unwrap_or(TrialOn::Recent);
    Ok((filter, on))
}

/// What a body registers, and whether that is only to be tried.
pub(super) fn registration(body: &[u8]) -> Result<(WebhookDraft, bool), Failure> {
    let (mut fields, dry_run) = JsonFields::within_or_dry_run(body, "webhook")?;
    let target = fields.required("target", target);
    let events = fields.required("events", patterns);
    let secret = fields.optional("secret", |value| {
        SigningSecret::parse(&value.text()?).ok_or_else(|| {
            localized!(
                "must be `whsec_` and the base64 of 24 to 64 bytes",
                "deve ser `whsec_` e de 24 a 64 bytes em base64"
            )
        })
    });
    let rest = rest(&mut fields);
    let (target, events) = fields.finish_with(target.zip(events))?;
    Ok((WebhookDraft { target, events, secret, rest }, dry_run))
}

/// What a body changes, and whether that is only to be tried.
pub(super) fn patch(body: &[u8]) -> Result<(WebhookPatch, bool), Failure> {
    let (mut fields, dry_run) = JsonFields::within_or_dry_run(body, "webhook")?;
    let target = fields.changed("target", target);
    let events = fields.changed("events", patterns);
    let rest = rest(&mut fields);
    fields.finish()?;
    Ok((WebhookPatch { target, events, ..rest }, dry_run))
}

fn target(value: JsonValue<'_>) -> Result<TargetUrl, Localized> {
    TargetUrl::parse(&value.text()?).map_err(TargetError::localized)
}

fn patterns(value: JsonValue<'_>) -> Result<PatternSet, Localized> {
    let texts = value.list(PatternSet::MAX);
    let texts = texts.map_err(|_| localized!("must be a list of patterns", "deve ser uma lista de padrões"))?;
    let mut patterns = Vec::with_capacity(texts.len().min(PatternSet::MAX));
    if texts.len() > PatternSet::MAX {
        return Err(too_many_patterns());
    }
    for text in texts {
        let text = text.text();
        let text = text.map_err(|_| localized!("must be a list of strings", "deve ser uma lista de textos"))?;
        let pattern = Pattern::parse(&text).ok_or_else(|| {
            let shown: String = text.chars().take(100).collect();
            if let Some(Localized { en, pt }) = EventType::too_long(&text) {
                return localized!("`{shown}…` {en}", "`{shown}…` {pt}");
            }
            localized!(
                "`{shown}` must be a type such as `PAYMENT.PAID`, a category such as `PAYMENT.*`, or `*`",
                "`{shown}` deve ser um tipo como `PAYMENT.PAID`, uma categoria como `PAYMENT.*`, ou `*`"
            )
        })?;
        patterns.push(pattern);
    }
    PatternSet::new(patterns).ok_or_else(too_many_patterns)
}

fn filter(value: JsonValue<'_>) -> Result<PayloadFilter, Localized> {
    PayloadFilter::parse(value.raw()).map_err(|error| error.localized())
}

fn filter_json(filter: Option<&PayloadFilter>) -> Option<&RawValue> {
    filter.and_then(|filter| serde_json::from_str(filter.as_str()).ok())
}

fn too_many_patterns() -> Localized {
    let most = PatternSet::MAX;
    localized!("must have 1 to {most} patterns", "deve ter de 1 a {most} padrões")
}

fn rest(fields: &mut JsonFields<'_>) -> WebhookPatch {
    let own_name = fields.clearable("name", |value| {
        let most = WebhookName::MAX_CHARS;
        WebhookName::parse(&value.text()?).ok_or_else(|| {
            localized!(
                "must have 1 to {most} characters, all on one line",
                "deve ter de 1 a {most} caracteres, em uma só linha"
            )
        })
    });
    let filter = fields.clearable("filter", filter);
    let authorization = fields.clearable("authorization", |value| {
        let most = Authorization::MAX_BYTES;
        Authorization::parse(&value.text()?).ok_or_else(|| {
            localized!(
                "must be 1 to {most} bytes of visible ASCII, without spaces at its ends",
                "deve ter de 1 a {most} bytes de ASCII visível, sem espaços nas pontas"
            )
        })
    });
    let client_certificate = fields.clearable("client_certificate", |value| {
        // Which there are, only the service knows.
        ClientCertificateName::parse(&value.text()?).ok_or_else(|| {
            localized!(
                "must be the name of a client certificate of the config",
                "deve ser o nome de um certificado de cliente da configuração"
            )
        })
    });
    let description = fields.clearable("description", |value| {
        let text = value.text()?.into_owned();
        if text.len() <= MAX_DESCRIPTION_BYTES {
            Ok(text)
        } else {
            Err(localized!(
                "must be at most {MAX_DESCRIPTION_BYTES} bytes",
                "deve ter no máximo {MAX_DESCRIPTION_BYTES} bytes"
            ))
        }
    });
    let status = fields.changed("status", |value| match &*value.text()? {
        "ACTIVE" => Ok(WebhookStatus::Active),
        "PAUSED" => Ok(WebhookStatus::Paused),
        "DISABLED" => Err(localized!(
            "must be ACTIVE or PAUSED: only carteiro itself sets DISABLED",
            "deve ser ACTIVE ou PAUSED: só o próprio carteiro define DISABLED"
        )),
        _ => Err(localized!("must be ACTIVE or PAUSED", "deve ser ACTIVE ou PAUSED")),
    });
    let headers = fields.clearable_object("headers", extra_headers);
    let max_in_flight = fields
        .clearable("max_in_flight", |value| value.integer(1..=1000).map(|max| u16::try_from(max).unwrap_or(u16::MAX)));
    let rate_limit = fields.clearable("rate_limit", |value| {
        RateLimit::per_second(value.number()?).ok_or_else(|| {
            localized!("must be 0.01 to 10000 deliveries per second", "deve ser de 0.01 a 10000 envios por segundo")
        })
    });
    let ordered = fields.changed("ordered", JsonValue::boolean);
    let retry = fields.clearable_object("retry", retry_policy);
    let signatures = fields.clearable("signatures", signatures);
    WebhookPatch {
        own_name,
        target: None,
        authorization,
        client_certificate,
        events: None,
        filter,
        description,
        status,
        headers: headers.map(Option::unwrap_or_default),
        max_in_flight,
        rate_limit,
        ordered,
        retry,
        signatures: signatures.map(Option::unwrap_or_default),
    }
}

/// `["v1", "v1a"]`: at least one, each once.
fn signatures(value: JsonValue<'_>) -> Result<Signatures, Localized> {
    let refused = || localized!("must be [\"v1\"], [\"v1a\"] or both", "deve ser [\"v1\"], [\"v1a\"] ou os dois");
    let items = value.list(Signatures::ALL.len()).map_err(|_| refused())?;
    let texts = items.into_iter().map(|item| item.text().map_err(|_| refused())).collect::<Result<Vec<_>, _>>()?;
    Signatures::parse(&texts.iter().map(|text| &**text).collect::<Vec<_>>()).ok_or_else(refused)
}

fn one_problem(field: &str, problem: Localized) -> Problems {
    [(field.to_owned(), vec![problem])].into_iter().gather()
}

/// Names and values; each that is wrong is named by itself.
fn extra_headers(value: JsonValue<'_>) -> Result<ExtraHeaders, Problems> {
    let whole = |problem: Localized| one_problem("headers", problem);
    let no_object = || localized!("must be an object of names and values", "deve ser um objeto com nomes e valores");
    // More of them than are looked at are too many by far.
    let members = value.members().map_err(|_| whole(no_object()))?.all;
    let (mut pairs, mut problems) = (Vec::with_capacity(members.len()), Problems::new());
    for (name, value) in members {
        let checked = value.text().and_then(|value| ExtraHeaders::new([(&*name, &*value)]).map(|_| value));
        match checked {
            Ok(value) => pairs.push((name, value)),
            Err(problem) => problems.entry(format!("headers.{}", shown(&name))).or_default().push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    ExtraHeaders::new(pairs.iter().map(|(name, value)| (&**name, &**value))).map_err(whole)
}

/// `{"schedule": ["5s", "30s"], "max_attempts": 20, "jitter": 0.1}`, each but the schedule with its default.
fn retry_policy(value: JsonValue<'_>) -> Result<RetryPolicy, Problems> {
    let mut fields = JsonFields::of(value, "retry".to_owned());
    let schedule = fields.required("schedule", |value| {
        let texts = value.list(usize::from(MAX_AUTOMATIC_ATTEMPTS))?;
        let gap = |text: JsonValue<'_>| {
            parse_duration(&text.text()?).ok_or_else(|| {
                localized!(
                    "must be a list of spans such as \"30s\" or \"2h\"",
                    "deve ser uma lista de prazos como \"30s\" ou \"2h\""
                )
            })
        };
        texts.into_iter().take(usize::from(MAX_AUTOMATIC_ATTEMPTS)).map(gap).collect::<Result<Vec<Duration>, _>>()
    });
    let max_attempts = fields.optional("max_attempts", |value| value.integer(1..=u64::from(MAX_AUTOMATIC_ATTEMPTS)));
    let jitter = fields.optional("jitter", JsonValue::number);
    let problems = fields.into_problems();
    if !problems.is_empty() {
        return Err(problems);
    }
    let max_attempts = max_attempts.and_then(|max| u8::try_from(max).ok()).unwrap_or(MAX_AUTOMATIC_ATTEMPTS);
    RetryPolicy::new(schedule.unwrap_or_default(), max_attempts, jitter.unwrap_or(0.1))
        .map_err(|error| one_problem("retry", error.localized()))
}

#[derive(Serialize)]
pub(super) struct WebhookShape<'a> {
    id: WebhookId,
    #[serde(flatten)]
    settings: SettingsShape<'a>,
    disabled_reason: Option<String>,
    disabled_reason_pt: Option<String>,
    disabled_at: Option<Timestamp>,
    failing_since: Option<Timestamp>,
    disables_at: Option<Timestamp>,
    public_key: String,
    inserted_at: Timestamp,
    updated_at: Timestamp,
    /// Shown when it was made, and when that call is repeated with its `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// All of a webhook that a caller can change.
#[derive(Serialize)]
struct SettingsShape<'a> {
    name: &'a str,
    target: &'a str,
    authorization_set: bool,
    client_certificate: Option<&'a str>,
    events: Vec<String>,
    filter: Option<&'a RawValue>,
    description: Option<&'a str>,
    status: &'static str,
    headers: BTreeMap<&'a str, &'a str>,
    max_in_flight: Option<u16>,
    rate_limit: Option<f64>,
    ordered: bool,
    retry: Option<RetryShape>,
    signatures: &'static [&'static str],
}

/// What a dry run answers: the settings as they would be, and the fields that would change, secret ones among them.
#[derive(Serialize)]
struct PlanShape<'a> {
    dry_run: bool,
    changed: Vec<&'static str>,
    webhook: SettingsShape<'a>,
}

impl<'a> PlanShape<'a> {
    fn of(webhook: &'a Webhook, changed: Vec<&'static str>) -> Self {
        Self { dry_run: true, changed, webhook: SettingsShape::of(webhook) }
    }
}

#[derive(Serialize)]
struct RetryShape {
    schedule: Vec<String>,
    max_attempts: u8,
    jitter: f64,
}

impl<'a> SettingsShape<'a> {
    fn of(webhook: &'a Webhook) -> Self {
        Self {
            name: webhook.name(),
            target: webhook.target.as_str(),
            authorization_set: webhook.authorization.is_some(),
            client_certificate: webhook.client_certificate.as_ref().map(ClientCertificateName::as_str),
            events: webhook.events.iter().map(Pattern::to_string).collect(),
            filter: filter_json(webhook.filter.as_ref()),
            description: webhook.description.as_deref(),
            status: webhook.status.as_str(),
            // Values may be secrets, as `authorization` is: only the names are answered.
            headers: webhook.headers.iter().map(|(name, _)| (name.as_str(), "…")).collect(),
            max_in_flight: webhook.max_in_flight,
            rate_limit: webhook.rate_limit.map(RateLimit::as_f64),
            ordered: webhook.ordered,
            retry: webhook.retry.as_ref().map(|policy| RetryShape {
                schedule: policy.schedule().iter().map(|gap| format_duration(*gap)).collect(),
                max_attempts: policy.max_attempts(),
                jitter: policy.jitter(),
            }),
            signatures: webhook.signatures.identifiers(),
        }
    }
}

impl<'a> WebhookShape<'a> {
    fn of(webhook: &'a Webhook, health: HealthView) -> Self {
        let disabled = match webhook.status {
            WebhookStatus::Disabled { reason, at } => Some((reason, at)),
            WebhookStatus::Active | WebhookStatus::Paused => None,
        };
        let reason = disabled.map(|(reason, _)| reason.localized());
        let (disabled_reason, disabled_reason_pt) = reason.map(|reason| (reason.en, reason.pt)).unzip();
        Self {
            id: webhook.id,
            settings: SettingsShape::of(webhook),
            disabled_reason,
            disabled_reason_pt,
            disabled_at: disabled.map(|(_, at)| at),
            failing_since: health.since,
            disables_at: health.disables_at,
            public_key: webhook.key.public().to_string(),
            inserted_at: webhook.inserted_at,
            updated_at: webhook.updated_at,
            secret: None,
        }
    }

    pub(super) fn with_secret(webhook: &'a Webhook, health: HealthView) -> Self {
        Self { secret: Some(webhook.secret.reveal()), ..Self::of(webhook, health) }
    }
}

#[derive(Serialize)]
struct TrialShape<'a> {
    filter: Option<&'a RawValue>,
    results: Vec<TrialResultShape<'a>>,
}

#[derive(Serialize)]
struct TrialResultShape<'a> {
    event_id: Option<EventId>,
    #[serde(rename = "type")]
    event_type: Option<&'a str>,
    inserted_at: Option<Timestamp>,
    matches: Option<bool>,
    unmet: Option<UnmetShape<'a>>,
    reason: String,
    reason_pt: String,
}

#[derive(Serialize)]
struct UnmetShape<'a> {
    path: &'a str,
    condition: &'a str,
    found: Option<&'a str>,
}

impl<'a> TrialShape<'a> {
    fn of(trial: &'a FilterTrial) -> Self {
        let results = trial.results.iter().map(|result| {
            let (event, reason) = (result.event.as_ref(), result.reason());
            TrialResultShape {
                event_id: event.map(|event| event.id),
                event_type: event.map(|event| event.event_type.as_str()),
                inserted_at: event.map(|event| event.inserted_at),
                matches: result.matches,
                unmet: result.unmet.as_ref().map(|unmet| UnmetShape {
                    path: &unmet.path,
                    condition: &unmet.condition,
                    found: unmet.found.as_deref(),
                }),
                reason: reason.en,
                reason_pt: reason.pt,
            }
        });
        Self { filter: filter_json(trial.filter.as_ref()), results: results.collect() }
    }
}
