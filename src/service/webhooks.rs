//! Webhooks: register, list, change, delete, test, rotate the secret.

use super::caller::Caller;
use super::error::{Error, key_taken, refused};
use super::events::{SAMPLE_ENV, own_type};
use super::shared::Service;
use super::views::NotificationView;
use crate::model::{
    AccountNo, ApiCode, AttemptError, Authorization, ClientCertificateName, EventDraft, EventType, ExpectedVersion,
    ExtraHeaders, Fingerprint, Listing, Localized, Page, PatternSet, PrivateKey, Seq, Signatures, SigningSecret,
    TargetUrl, Timestamp, Webhook, WebhookId, WebhookNo, WebhookPatch, WebhookStatus, localized,
};
use crate::store::{
    AuditedChange as _, ChangeWebhook, DeleteWebhook, IfExpected, MAX_WEBHOOKS, RecordTestEvent, RegisterRefusal,
    Registered, Registration, RotateKey, RotateSecret,
};
use crate::tls::CertificateEnd;
use std::sync::Arc;
use std::time::Duration;

/// What a new webhook is made of.
#[derive(Clone, Debug)]
pub struct WebhookDraft {
    /// Where notifications go.
    pub target: TargetUrl,
    /// What it subscribes to.
    pub events: PatternSet,
    /// What attempts are signed with; a new one where `None`.
    pub secret: Option<SigningSecret>,
    /// Everything else.
    pub rest: WebhookPatch,
}

impl WebhookDraft {
    /// The webhook as it is registered, with a new id, and a new secret unless one was given. The store assigns its
    /// number.
    pub(crate) fn into_webhook(self, account: AccountNo, now: Timestamp) -> Webhook {
        let mut webhook = Webhook {
            no: WebhookNo(0),
            account,
            id: WebhookId::from_random(crate::random::bytes()),
            own_name: None,
            target: self.target,
            authorization: None::<Authorization>,
            client_certificate: None,
            events: self.events,
            filter: None,
            description: None,
            status: WebhookStatus::Active,
            headers: ExtraHeaders::default(),
            max_in_flight: None,
            rate_limit: None,
            ordered: false,
            retry: None,
            secret: self.secret.unwrap_or_else(|| SigningSecret::from_random(crate::random::bytes())),
            old_secrets: Vec::new(),
            signatures: Signatures::default(),
            key: PrivateKey::from_bytes(crate::random::bytes()),
            old_keys: Vec::new(),
            registered_after: Seq(0),
            inserted_at: now,
            updated_at: now,
            deleted_at: None,
        };
        self.rest.apply(&mut webhook);
        webhook
    }
}

impl Service {
    /// Registers a webhook; on return it is durable, and every event recorded from now on that it matches is sent to
    /// it.
    ///
    /// A target that would be refused now is not taken, nor a client certificate that the account can't use; a target
    /// whose name leads nowhere yet is. A call repeated with the same `idempotency_key` within its window registers
    /// nothing, whatever its target and its client certificate are by now, unless that webhook was deleted.
    pub async fn register(
        &self,
        caller: &Caller,
        draft: WebhookDraft,
        idempotency_key: Option<&str>,
    ) -> Result<Registered, Error> {
        let refused = self.check_draft(caller, &draft).await.err();
        if idempotency_key.is_none()
            && let Some(refused) = refused
        {
            return Err(refused);
        }
        let secret = draft.secret.clone();
        let webhook = draft.into_webhook(caller.account, self.clock.now());
        let key = idempotency_key.map(|key| {
            // Apart from the keys of events, which are hashed alone.
            let asked_for = fingerprint(&webhook, secret.as_ref());
            self.idempotency_key(Fingerprint::of([b"webhook", key.as_bytes()]), asked_for)
        });
        let registration = Registration { webhook: Box::new(webhook), key, only_replay: refused.is_some() };
        let registered = self.store.commit(registration.by(caller.actor())).await;
        let registered = registered.map_err(|error| {
            error.map(|refusal| match refusal {
                RegisterRefusal::KeyTaken => key_taken(),
                RegisterRefusal::TooMany => too_many_webhooks(),
                // Only where the target or the client certificate was refused.
                RegisterRefusal::NotBefore => refused.unwrap_or(Error::NotFound),
            })
        })?;
        if !registered.replayed {
            self.followers.tell(caller.account);
            tracing::info!(webhook = %registered.webhook.id, by = %caller.by, "webhook registered");
        }
        Ok(registered)
    }

    /// A page of the caller's webhooks.
    pub fn webhooks(&self, caller: &Caller, listing: Listing) -> Page<Arc<Webhook>> {
        let directory = self.store.directory();
        let own = directory.of(caller.account).map(|webhook| ((0, webhook.no.0), webhook.clone()));
        Page::cut(own.collect(), listing)
    }

    /// One webhook.
    pub fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<Arc<Webhook>, Error> {
        self.store.directory().by_id(caller.account, id).cloned().ok_or(Error::NotFound)
    }

    /// Why a target would not be taken now, in both languages; `None` where it would.
    pub async fn refusal(&self, target: &TargetUrl) -> Option<AttemptError> {
        self.delivery.client.refusal(target).await
    }

    async fn check_draft(&self, caller: &Caller, draft: &WebhookDraft) -> Result<(), Error> {
        let certificate = draft.rest.client_certificate.as_ref().and_then(Option::as_ref);
        self.check_certificate(caller, certificate, &draft.target)?;
        self.check(&draft.target).await
    }

    async fn check(&self, target: &TargetUrl) -> Result<(), Error> {
        match self.delivery.client.refusal(target).await {
            None => Ok(()),
            Some(error) => {
                let problem = Localized {
                    en: format!("is refused: {}", error.message),
                    pt: format!("foi recusado: {}", error.message_pt),
                };
                Err(Error::invalid("target", problem))
            }
        }
    }

    /// The client certificates that the caller's webhooks may use, in the order of the config, and when each ends.
    pub fn client_certificates(&self, caller: &Caller) -> Vec<(ClientCertificateName, CertificateEnd)> {
        self.certificates_of(caller.account)
    }

    fn certificates_of(&self, account: AccountNo) -> Vec<(ClientCertificateName, CertificateEnd)> {
        let all = self.delivery.client.client_certificates();
        let own = all.iter().filter(|certificate| self.delivery.client.permits(certificate, account));
        own.map(|certificate| (certificate.name().clone(), certificate.end())).collect()
    }

    /// The webhooks whose client certificate the config doesn't have any more, of every account, for the operator: a
    /// sentence for each. Nothing is sent to their targets.
    pub fn without_their_certificate(&self) -> Vec<Localized> {
        let directory = self.store.directory();
        let mut sentences = Vec::new();
        for account in &self.accounts {
            let own = self.certificates_of(account.no);
            let has = |wanted: &ClientCertificateName| own.iter().any(|(name, _)| name == wanted);
            for webhook in directory.of(account.no) {
                if let Some(name) = webhook.client_certificate.as_ref().filter(|name| !has(name)) {
                    let (id, called) = (webhook.id, webhook.name());
                    sentences.push(localized!(
                        "nothing is sent to webhook {id} ({called}): the config has no client certificate {name} for \
                         it",
                        "nada é enviado ao webhook {id} ({called}): a configuração não tem o certificado de cliente \
                         {name} para ele"
                    ));
                }
            }
        }
        sentences
    }

    /// Whether the certificate could be shown to the target. Those of other accounts are not told of.
    fn check_certificate(
        &self,
        caller: &Caller,
        certificate: Option<&ClientCertificateName>,
        target: &TargetUrl,
    ) -> Result<(), Error> {
        let Some(wanted) = certificate else {
            return Ok(());
        };
        if !target.is_https() {
            let problem = localized!(
                "needs a target with https://: without TLS no certificate can be shown",
                "precisa de um destino com https://: sem TLS não há como apresentar um certificado"
            );
            return Err(Error::invalid("client_certificate", problem));
        }
        let own = self.client_certificates(caller);
        if !own.iter().any(|(name, _)| name == wanted) {
            let names: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
            let problem = if names.is_empty() {
                localized!(
                    "is {wanted}, and this account has no client certificate: add one to the config, as \
                     [[client_certificate]]",
                    "é {wanted}, e esta conta não tem nenhum certificado de cliente: acrescente-o à configuração, em \
                     [[client_certificate]]"
                )
            } else {
                let names = names.join(", ");
                localized!(
                    "must be one of the client certificates of this account: {names}",
                    "deve ser um dos certificados de cliente desta conta: {names}"
                )
            };
            return Err(Error::invalid("client_certificate", problem));
        }
        Ok(())
    }

    /// Changes the fields the patch names, whatever the webhook is like. See [`Service::change_if`].
    pub async fn change(&self, caller: &Caller, id: WebhookId, patch: WebhookPatch) -> Result<Arc<Webhook>, Error> {
        self.change_if(caller, id, patch, ExpectedVersion::Any).await
    }

    /// Changes the fields the patch names, if the webhook is as its caller expects. A new target is looked at as at a
    /// registration; one that stays is not, so that a webhook whose target is refused by now can still be paused.
    pub async fn change_if(
        &self,
        caller: &Caller,
        id: WebhookId,
        patch: WebhookPatch,
        expected: ExpectedVersion,
    ) -> Result<Arc<Webhook>, Error> {
        self.checked(caller, id, &patch, &expected).await?;
        let change = ChangeWebhook { account: caller.account, id, patch };
        let changed =
            self.store.commit(IfExpected { expected, change }.by(caller.actor())).await?.ok_or(Error::NotFound)?;
        self.followers.tell(caller.account);
        tracing::info!(webhook = %changed.id, status = changed.status.as_str(), by = %caller.by, "webhook changed");
        Ok(changed)
    }

    /// What [`Service::register`] would make of a draft now, whose number, id and times mean nothing. Nothing is
    /// registered.
    pub async fn plan_registration(&self, caller: &Caller, draft: WebhookDraft) -> Result<Webhook, Error> {
        self.check_draft(caller, &draft).await?;
        if self.store.directory().of(caller.account).count() >= MAX_WEBHOOKS {
            return Err(too_many_webhooks());
        }
        Ok(draft.into_webhook(caller.account, self.clock.now()))
    }

    /// What [`Service::change_if`] would make of a webhook now: it as it is, and as it would be. Nothing is changed.
    pub async fn plan_change(
        &self,
        caller: &Caller,
        id: WebhookId,
        patch: WebhookPatch,
        expected: ExpectedVersion,
    ) -> Result<(Arc<Webhook>, Webhook), Error> {
        let before = self.checked(caller, id, &patch, &expected).await?;
        let mut after = Webhook::clone(&before);
        patch.apply(&mut after);
        Ok((before, after))
    }

    /// The webhook that is to be changed. The change itself looks again at what is expected: here that only spares its
    /// caller a complaint about a target that nobody saves.
    async fn checked(
        &self,
        caller: &Caller,
        id: WebhookId,
        patch: &WebhookPatch,
        expected: &ExpectedVersion,
    ) -> Result<Arc<Webhook>, Error> {
        let before = self.webhook(caller, id)?;
        if !expected.allows(&before) {
            return Err(Error::Outdated);
        }
        if let Some(target) = &patch.target
            && before.target != *target
        {
            self.check(target).await?;
        }
        let target = patch.target.as_ref().unwrap_or(&before.target);
        let certificate = patch.client_certificate.as_ref().unwrap_or(&before.client_certificate);
        if *target != before.target || *certificate != before.client_certificate {
            self.check_certificate(caller, certificate.as_ref(), target)?;
        }
        Ok(before)
    }

    /// Deletes a webhook. Its lane stops at once; its pending notifications are cancelled; its history stays listable.
    pub async fn delete(&self, caller: &Caller, id: WebhookId) -> Result<(), Error> {
        self.delete_if(caller, id, ExpectedVersion::Any).await
    }

    /// The same, if the webhook is as its caller expects.
    pub async fn delete_if(&self, caller: &Caller, id: WebhookId, expected: ExpectedVersion) -> Result<(), Error> {
        let change = DeleteWebhook { account: caller.account, id };
        if !self.store.commit(IfExpected { expected, change }.by(caller.actor())).await? {
            return Err(Error::NotFound);
        }
        self.followers.tell(caller.account);
        tracing::info!(webhook = %id, by = %caller.by, "webhook deleted");
        Ok(())
    }

    /// How long a secret or a key that is replaced signs on beside the new one.
    pub fn secret_overlap(&self) -> Duration {
        self.config().delivery.secret_overlap
    }

    /// Gives a webhook a new signing secret; the old one signs beside it for `overlap`, or where that is `None` for
    /// the overlap of the config. Of zero it ends all older ones at once.
    pub async fn rotate_secret(
        &self,
        caller: &Caller,
        id: WebhookId,
        overlap: Option<Duration>,
    ) -> Result<Arc<Webhook>, Error> {
        let secret = SigningSecret::from_random(crate::random::bytes());
        let overlap = overlap.unwrap_or_else(|| self.secret_overlap());
        let rotation = RotateSecret { account: caller.account, id, secret, overlap };
        let rotated = self.store.commit(rotation.by(caller.actor())).await?;
        let rotated = rotated.ok_or(Error::NotFound)?;
        let signing = rotated.secrets_at(self.clock.now()).count();
        tracing::info!(webhook = %rotated.id, signing, by = %caller.by, "signing secret rotated");
        Ok(rotated)
    }

    /// Gives a webhook a new key pair; the old one signs beside it for `overlap`, as at
    /// [`rotate_secret`](Self::rotate_secret).
    pub async fn rotate_key(
        &self,
        caller: &Caller,
        id: WebhookId,
        overlap: Option<Duration>,
    ) -> Result<Arc<Webhook>, Error> {
        let key = PrivateKey::from_bytes(crate::random::bytes());
        let overlap = overlap.unwrap_or_else(|| self.secret_overlap());
        let rotated =
            self.store.commit(RotateKey { account: caller.account, id, key, overlap }.by(caller.actor())).await?;
        let rotated = rotated.ok_or(Error::NotFound)?;
        let signing = rotated.keys_at(self.clock.now()).count();
        tracing::info!(webhook = %rotated.id, signing, by = %caller.by, "signing key rotated");
        Ok(rotated)
    }

    /// Sends a test event to this webhook alone, now, whatever it subscribes to and even while it is paused. One
    /// attempt.
    pub async fn test(&self, caller: &Caller, id: WebhookId) -> Result<NotificationView, Error> {
        let webhook = self.webhook(caller, id)?;
        let resource = format!(r#"{{"webhook":{{"id":"{}"}},"message":"carteiro test"}}"#, webhook.id);
        let event_type = EventType::parse(EventType::TEST).expect("the test's type is an event type");
        self.send_test(caller, webhook, event_type, &resource).await
    }

    /// Likewise, of a type that targets know: with the catalogue's sample of its resource. [`Error::NotFound`] where
    /// the catalogue has no such type; carteiro's own types are refused. The webhook's target sees by the `env` of the
    /// body that it is a test.
    pub async fn test_with(&self, caller: &Caller, id: WebhookId, event_type: &str) -> Result<NotificationView, Error> {
        let webhook = self.webhook(caller, id)?;
        let known = self.event_types().into_iter().find(|known| known.event_type.as_str() == event_type);
        let known = known.ok_or(Error::NotFound)?;
        if known.event_type.is_own() {
            return Err(Error::invalid("type", own_type()));
        }
        let caller = Caller { env: Arc::from(SAMPLE_ENV), ..caller.clone() };
        self.send_test(&caller, webhook, known.event_type.clone(), known.resource()).await
    }

    async fn send_test(
        &self,
        caller: &Caller,
        webhook: Arc<Webhook>,
        event_type: EventType,
        resource: &str,
    ) -> Result<NotificationView, Error> {
        let id = webhook.id;
        let draft = EventDraft { id: None, event_type, external_id: None, occurred_at: None, resource, trace: None };
        let event = draft.into_new(&caller.env, &[]);
        let test = RecordTestEvent { account: caller.account, webhook: id, event };
        let tested = self
            .store
            .commit(test.by(caller.actor()))
            .await
            .map_err(|error| error.map(|refusal| refused(refusal, false)))?;
        self.followers.tell(caller.account);
        let (notification, event) = tested.ok_or(Error::NotFound)?;
        Ok(self.view(&notification, &event, Some(&webhook)))
    }
}

/// Of all that a registration asks for. `secret` is the one that it gives, if any.
fn fingerprint(webhook: &Webhook, secret: Option<&SigningSecret>) -> Fingerprint {
    let settings = webhook.settings();
    let parts = [webhook.status.as_str()].into_iter().chain(settings.iter().map(|(_, text)| text.as_str()));
    Fingerprint::of(parts.map(str::as_bytes).chain(secret.map(SigningSecret::expose)))
}

fn too_many_webhooks() -> Error {
    let detail = localized!(
        "an account can have {MAX_WEBHOOKS} webhooks: delete one that is no longer needed",
        "uma conta pode ter {MAX_WEBHOOKS} webhooks: exclua um que não seja mais necessário"
    );
    Error::Conflict { code: ApiCode::TooManyWebhooks, detail }
}
