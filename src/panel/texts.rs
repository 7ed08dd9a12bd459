//! Every text of the pages, in both languages side by side: one that is missing doesn't compile.

use crate::model::{AttemptError, Localized, Status};
use std::fmt::Display;

/// The languages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lang {
    Pt,
    En,
}

impl Lang {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Pt => "pt",
            Self::En => "en",
        }
    }

    /// For the `lang` attribute.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::Pt => "pt-BR",
            Self::En => "en",
        }
    }

    pub(super) fn parse(code: &str) -> Option<Self> {
        [Self::Pt, Self::En].into_iter().find(|lang| lang.code() == code)
    }

    /// The one of two texts that is in this language.
    pub(super) fn pick<'a>(self, en: &'a str, pt: &'a str) -> &'a str {
        match self {
            Self::Pt => pt,
            Self::En => en,
        }
    }

    /// A text of the service in this language.
    pub(super) fn of(self, text: &Localized) -> &str {
        self.pick(&text.en, &text.pt)
    }

    /// Why an attempt failed, in this language.
    pub(super) fn why(self, error: &AttemptError) -> &str {
        self.pick(&error.message, &error.message_pt)
    }

    pub(super) const fn texts(self) -> &'static Texts {
        match self {
            Self::Pt => &PT,
            Self::En => &EN,
        }
    }

    /// The one of the two that an `Accept-Language` likes better (RFC 9110, 12.5.4); Portuguese, the guide's, where it
    /// likes neither.
    pub(super) fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::Pt);
        for item in header.split(',') {
            let (range, rest) = item.split_once(';').unwrap_or((item, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
            let primary = range.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            if let Some(lang) = Self::parse(&primary).filter(|_| weight > best.0) {
                best = (weight, lang);
            }
        }
        best.1
    }
}

/// A text with its places (`{}`) filled, in order.
pub(super) fn fill(text: &str, with: &[&dyn Display]) -> String {
    let mut parts = text.split("{}");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for (nth, part) in parts.enumerate() {
        if let Some(value) = with.get(nth) {
            filled.push_str(&value.to_string());
        }
        filled.push_str(part);
    }
    filled
}

/// A text of the service in the page's language, begun and ended as a sentence is.
pub(super) fn sentence(lang: Lang, text: &Localized) -> String {
    let mut letters = lang.of(text).chars();
    let mut sentence: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    sentence.push_str(letters.as_str());
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

impl Texts {
    pub(super) const fn status(&self, status: Status) -> &'static str {
        match status {
            Status::Pending => self.pending,
            Status::Retrying => self.retrying,
            Status::Held => self.held,
            Status::Delivered => self.delivered,
            Status::Failed => self.failed,
            Status::Cancelled => self.cancelled,
        }
    }
}

macro_rules! texts {
    ($($name:ident: $pt:literal, $en:literal;)*) => {
        pub(super) struct Texts {
            $(pub(super) $name: &'static str,)*
        }
        static PT: Texts = Texts { $($name: $pt,)* };
        static EN: Texts = Texts { $($name: $en,)* };
        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $pt, $en),)*];
    };
}

texts! {
    // The frame.
    place: "Perfil e preferências", "Profile and preferences";
    product: "Notificações", "Notifications";
    skip: "Pular para o conteúdo", "Skip to the content";
    menu: "Menu principal", "Main menu";
    overview: "Visão geral", "Overview";
    webhooks: "Webhooks", "Webhooks";
    events: "Eventos", "Events";
    notifications: "Notificações", "Notifications";
    sign_out: "Sair", "Sign out";
    language: "Idioma", "Language";
    left:
        "Não está mais nesta lista: mudou ou passou para outra página",
        "No longer in this list: it changed or moved to another page";
    news: "Há novidades: mostrar", "There is news: show it";
    account: "Conta", "Account";
    read_only: "Somente leitura", "Read only";
    // Signing in.
    sign_in: "Entrar", "Sign in";
    access_token: "Token de acesso", "Access token";
    sign_in_help:
        "O token do primeiro início está no arquivo admin-token da pasta de dados; sem ele, o comando carteiro \
         panel-link mostra um link que entra.",
        "The token of the first start stands in the file admin-token of the data folder; without it, the command \
         carteiro panel-link prints a link that signs in.";
    wrong_token:
        "Este token é desconhecido, foi revogado ou expirou.",
        "This token is unknown, was revoked or has expired.";
    too_many_tokens:
        "Tokens errados demais vieram deste endereço. Espere {} s e tente de novo.",
        "Too many wrong tokens came from this address. Wait {} s and try again.";
    ended:
        "Sua sessão terminou e nada foi salvo. Entre para continuar.",
        "Your session has ended, and nothing was saved. Sign in to go on.";
    ended_form:
        "Sua sessão tinha terminado, e nada foi feito ainda. Confira o que você preencheu e envie de novo.",
        "Your session had ended, and nothing is done yet. Check what you entered, and send it again.";
    ended_title: "Continuar de onde parou?", "Go on where you left off?";
    ended_action: "Você tinha pedido: {}", "You had asked for: {}";
    link: "Link de acesso", "Sign-in link";
    link_help:
        "Cole aqui o link inteiro que o comando carteiro panel-link mostrou.",
        "Paste the whole link here that the command carteiro panel-link printed.";
    wrong_link:
        "Este link já foi usado, venceu ou não está inteiro. Peça outro: carteiro panel-link",
        "This link was used already, has expired or isn't whole. Ask for another: carteiro panel-link";
    with_a_token: "Entrar com um token de acesso", "Sign in with an access token";
    tokens: "Tokens", "Tokens";
    tokens_help:
        "Dê a cada programa e a cada pessoa um token próprio, só com as permissões de que precisa.",
        "Give each program and each person a token of its own, with no more than it needs.";
    no_tokens: "Nenhum token", "No tokens";
    token_new: "Novo token", "New token";
    token_name: "Nome", "Name";
    token_name_example: "Loja virtual", "Web shop";
    token_scopes: "Permissões", "Scopes";
    token_made: "Criado", "Created";
    token_used: "Último uso", "Last used";
    token_expires: "Validade", "Expires";
    token_own: "este acesso", "this session";
    token_create: "Criar token", "Create token";
    token_ready: "Token criado", "Token created";
    token_once: "Copie agora: ele não será mostrado de novo.", "Copy it now: it won't be shown again.";
    token_problem:
        "Dê um nome de até 100 caracteres e escolha ao menos uma permissão.",
        "Give it a name of up to 100 characters, and choose at least one scope.";
    never_expires: "Não vence", "Never";
    in_days: "Em {} dias", "In {} days";
    scope_admin: "tudo, inclusive criar e revogar tokens", "everything, creating and revoking tokens too";
    scope_ingest: "registrar eventos", "recording events";
    scope_read: "ver tudo, sem alterar nada", "seeing everything, changing nothing";
    scope_metrics: "ler as métricas", "reading the metrics";
    revoke: "Revogar", "Revoke";
    revoke_title: "Revogar este token?", "Revoke this token?";
    revoke_help:
        "Quem o usa perde o acesso na hora. Esta ação não pode ser desfeita.",
        "Whoever uses it loses access at once. This can't be undone.";
    revoke_own:
        "Você entrou com este token: ao revogá-lo, sua sessão termina. Tenha outro token de administrador à mão.",
        "You signed in with this token: revoking it ends your session. Have another admin token at hand.";
    revoke_yes: "Sim, revogar", "Yes, revoke it";
    done_revoked: "Token revogado.", "Token revoked.";
    stop_resend: "Interromper o reenvio", "Stop the resend";
    search: "Buscar", "Search";
    search_for: "Pedido, pagamento ou evento", "Order, payment or event";
    to_the_start: "Ir para o início", "Go to the start";
    below_a_path:
        "Se um proxy publica o carteiro em {}: os caminhos do painel e da API começam em /. Dê ao carteiro um nome de \
         host próprio.",
        "If a proxy publishes carteiro at {}: the paths of panel and API begin at /. Give carteiro a host name of its \
         own.";
    no_read_scope: "Este token não permite leitura (escopo read).", "This token doesn't allow reading (scope read).";
    // Errors.
    not_found_title: "Não encontrado", "Not found";
    not_found: "Não há nada neste endereço, ou não é seu.", "There is nothing at this address, or it is not yours.";
    forbidden_title: "Não permitido", "Not allowed";
    forbidden: "Este token só permite leitura.", "This token only allows reading.";
    host_lost_title: "Este formulário não pode ser aceito", "This form can't be accepted";
    host_lost:
        "Uma página de {} enviou o formulário, mas a chamada chegou ao carteiro como sendo para {}. Se há um proxy na \
         frente, ele precisa repassar o cabeçalho Host como o navegador o enviou (nginx: proxy_set_header Host \
         $http_host; Apache: ProxyPreserveHost On). Depois recarregue a página e envie de novo.",
        "A page of {} sent the form, but the call reached carteiro as one to {}. If a proxy stands in front, it must \
         pass the Host header on as the browser sent it (nginx: proxy_set_header Host $http_host; Apache: \
         ProxyPreserveHost On). Then reload the page and send it again.";
    prefix_title: "O carteiro não funciona abaixo de um caminho", "carteiro can't be hosted below a path";
    prefix:
        "O proxy na frente publica o carteiro em {}. Os caminhos do painel e da API começam em /: dê ao carteiro um \
         nome de host próprio, por exemplo carteiro.loja.example, e encaminhe todos os caminhos dele sem mudá-los.",
        "The proxy in front publishes carteiro at {}. The paths of panel and API begin at /: give carteiro a host name \
         of its own, such as carteiro.loja.example, and forward all its paths unchanged.";
    stale_title: "Recarregue a página", "Reload the page";
    stale:
        "O formulário não veio desta sessão. Volte, recarregue a página e envie de novo.",
        "The form did not come from this session. Go back, reload the page and send it again.";
    too_long:
        "O formulário passa de 64 KiB, e nada foi feito. Encurte o que escreveu e envie de novo.",
        "The form is longer than 64 KiB, and nothing was done. Shorten what you wrote and send it again.";
    busy:
        "O carteiro está recebendo formulários demais ao mesmo tempo, e nada foi feito. Tente de novo em alguns \
         segundos.",
        "carteiro is receiving too many forms at once, and nothing was done. Try again in a few seconds.";
    cant_title: "Não foi possível", "That could not be done";
    back: "Voltar", "Back";
    // Statuses.
    pending: "Pendente", "Pending";
    retrying: "Tentando de novo", "Retrying";
    held: "Em espera", "Held";
    delivered: "Entregue", "Delivered";
    failed: "Falhou", "Failed";
    cancelled: "Cancelada", "Cancelled";
    active: "Ativo", "Active";
    paused: "Pausado", "Paused";
    disabled: "Desativado", "Disabled";
    failing: "Com falhas", "Failing";
    in_flight_now: "Enviando agora", "Being sent now";
    // Time.
    ago: "há {}", "{} ago";
    in_span: "em {}", "in {}";
    now: "agora", "now";
    never: "nunca", "never";
    // The overview.
    last_day: "Últimas 24 horas", "Last 24 hours";
    last_month: "Últimos 30 dias", "Last 30 days";
    attempts: "Tentativas", "Attempts";
    chart_title: "Tentativas e o que veio delas", "Attempts, and what came of them";
    came_confirmed: "Confirmadas", "Confirmed";
    came_retried: "Sem confirmação", "Not confirmed";
    came_failed: "Sem confirmação, e era a última", "Not confirmed, and the last one";
    chart_label:
        "Tentativas confirmadas: {}; sem confirmação: {}; sem confirmação, e era a última: {}",
        "Attempts confirmed: {}; not confirmed: {}; not confirmed, and the last one: {}";
    highest: "Tentativas na barra mais alta: {}", "Attempts in the highest bar: {}";
    in_numbers: "Ver em números", "In numbers";
    hour: "Hora (UTC)", "Hour (UTC)";
    day: "Dia (UTC)", "Day (UTC)";
    backlog: "Pendentes", "Pending";
    still_pending: "{} pendentes", "{} pending";
    pending_many: "Pendentes", "Pending";
    held_many: "Em espera", "Held";
    failed_many: "Falharam", "Failed";
    oldest_pending: "Pendente mais antiga", "Oldest pending";
    nothing_pending: "Nada pendente", "Nothing pending";
    nothing_yet: "Ainda não há tentativas neste período.", "There are no attempts in this period yet.";
    failing_webhooks: "Webhooks com falhas", "Failing webhooks";
    absent_account:
        "O armazenamento tem a conta {}, que a configuração não cita: as entregas dela estão em espera e os tokens \
         dela são recusados. Cite-a de novo ([[account]] name = \"{}\") e reinicie, ou use carteiro account export {} \
         e carteiro account remove {}.",
        "The store has an account {} that the config doesn't name: its deliveries are held and its tokens refused. \
         Name it again ([[account]] name = \"{}\") and restart, or use carteiro account export {} and carteiro account \
         remove {}.";
    no_failing_webhooks: "Nenhum webhook com falhas.", "No failing webhooks.";
    what_to_do: "O que fazer", "What to do";
    last_failure: "Última falha", "Last failure";
    failing_since: "Sem confirmação há {}", "No confirmation for {}";
    will_disable:
        "Será desativado em {} se nada for confirmado.",
        "It will be disabled in {} unless something is confirmed.";
    system: "Sistema", "System";
    disk_used: "Uso em disco", "Disk used";
    disk_free: "Livre no disco", "Disk free";
    last_backup: "Último backup agendado", "Last scheduled backup";
    no_backup: "nenhum desde o início; veja store.backup_dir", "none since the start; see store.backup_dir";
    version: "Versão", "Version";
    kept_events: "Eventos guardados", "Events kept";
    in_all_accounts: "em todas as contas", "in all accounts";
    ready: "Aceitando eventos", "Taking events";
    not_ready: "Não aceita eventos agora", "Takes no events now";
    // Webhooks.
    create_webhook: "Criar webhook", "Create webhook";
    no_webhooks: "Nenhum webhook ainda", "No webhooks yet";
    no_webhooks_help:
        "Um webhook diz para onde vão as notificações. Crie o primeiro aqui, ou pela API:",
        "A webhook says where notifications go. Create the first one here, or through the API:";
    target: "Destino", "Target";
    authorization: "Autorização", "Authorization";
    status: "Status", "Status";
    last_success: "Última entrega", "Last delivery";
    success_rate: "Taxa de sucesso (24 h)", "Success rate (24 h)";
    no_attempts: "sem tentativas", "no attempts";
    hourly: "Tentativas por hora nas últimas 24 horas", "Attempts by hour in the last 24 hours";
    spark_label:
        "Tentativas confirmadas nas últimas 24 horas: {}; não confirmadas: {}",
        "Attempts confirmed in the last 24 hours: {}; not confirmed: {}";
    description: "Descrição", "Description";
    edit: "Editar", "Edit";
    pause: "Pausar", "Pause";
    resume: "Retomar", "Resume";
    test: "Testar", "Test";
    rotate: "Trocar o segredo", "Rotate the secret";
    rotate_title: "Trocar o segredo de assinatura?", "Rotate the signing secret?";
    rotate_help:
        "O segredo atual ainda assina junto com o novo por algum tempo, e os anteriores, cada um até o seu fim: há \
         tempo de pôr o novo no destino.",
        "The present secret goes on signing beside the new one for a while, and each older one to its own end: there \
         is time to give the new one to the target.";
    leaked_title: "O segredo vazou?", "Has the secret leaked?";
    leaked_help:
        "Então só o novo assina, a partir de agora, e todos os anteriores terminam. O destino recusa as notificações \
         até receber o novo; elas são tentadas de novo.",
        "Then the new one alone signs from now on, and all older ones end. The target refuses notifications until it \
         has the new one; they are tried again.";
    leaked_yes:
        "O segredo vazou: trocar e encerrar os anteriores",
        "The secret leaked: rotate it and end all older ones";
    delete: "Excluir", "Delete";
    delete_title: "Excluir este webhook?", "Delete this webhook?";
    delete_pending_one: "Uma notificação pendente será cancelada.", "One pending notification will be cancelled.";
    delete_pending: "{} notificações pendentes serão canceladas.", "{} pending notifications will be cancelled.";
    delete_pending_many:
        "Pelo menos {} notificações pendentes serão canceladas.",
        "At least {} pending notifications will be cancelled.";
    delete_pending_none: "Não há nada pendente.", "Nothing is pending.";
    delete_help:
        "O histórico continua na lista. Isto não pode ser desfeito.",
        "Its history stays listed. This can't be undone.";
    delete_yes: "Sim, excluir", "Yes, delete it";
    cancel: "Cancelar", "Cancel";
    save: "Salvar", "Save";
    new_webhook: "Novo webhook", "New webhook";
    edit_webhook: "Editar webhook", "Edit webhook";
    url: "URL", "URL";
    url_help:
        "Para onde as notificações são enviadas por POST: um endereço http ou https.",
        "Where notifications are POSTed: an http or https address.";
    authorization_help:
        "O valor exato do cabeçalho Authorization. Opcional; nunca é mostrado de novo.",
        "The exact value of the Authorization header. Optional; it is never shown again.";
    authorization_keep: "Há uma guardada. Deixe em branco para mantê-la.", "One is kept. Leave this empty to keep it.";
    authorization_again:
        "Escreva-a de novo: por segurança, ela não volta para a página.",
        "Write it again: for safety it does not come back to the page.";
    authorization_remove: "Remover a autorização guardada", "Remove the authorization that is kept";
    is_set: "definida", "set";
    is_not_set: "não definida", "not set";
    all_events: "Todos os eventos", "All events";
    all_of: "Todos de {}", "All of {}";
    more_patterns: "Outros padrões", "Other patterns";
    sample_of: "Um exemplo de {}", "A sample of {}";
    more_patterns_help: "Um por linha, como ORDER.* ou PAYMENT.PAID.", "One a line, such as ORDER.* or PAYMENT.PAID.";
    ordered: "Manter a ordem", "Keep the order";
    ordered_help:
        "Notificações sobre o mesmo recurso saem uma de cada vez, na ordem em que foram registradas.",
        "Notifications about the same resource leave one at a time, in the order they were recorded.";
    max_in_flight: "Envios simultâneos", "Sent at once";
    max_in_flight_help:
        "De 1 a 1000; em branco, o padrão da configuração.",
        "1 to 1000; empty for the config's default.";
    rate_limit: "Envios por segundo", "Sent per second";
    rate_limit_help: "De 0,01 a 10000; em branco, sem limite.", "0.01 to 10000; empty for no limit.";
    limits: "Limites e ordem", "Limits and order";
    secret_title: "Segredo de assinatura", "Signing secret";
    secret_once:
        "Copie agora: ele não será mostrado de novo. O destino confere com ele o cabeçalho webhook-signature.",
        "Copy it now: it won't be shown again. The target checks the webhook-signature header with it.";
    copy: "Copiar", "Copy";
    copied: "Copiado", "Copied";
    bad_fields: "Confira os campos marcados.", "Look at the fields that are marked.";
    outdated:
        "Este webhook foi alterado em outra janela enquanto você editava. Nada foi salvo ainda: ao lado de cada campo \
         diferente está o valor salvo. Confira e salve de novo para usar os seus.",
        "This webhook was changed in another window while you were editing. Nothing is saved yet: the stored value \
         stands beside each field that differs. Check them, and save again to use yours.";
    stored_is: "Salvo agora: {}", "Stored now: {}";
    stored_empty: "Salvo agora: vazio", "Stored now: empty";
    yes: "sim", "yes";
    no: "não", "no";
    address: "o endereço", "the address";
    bad_authorization:
        "Use de 1 a 4096 caracteres ASCII visíveis, sem espaço nas pontas.",
        "Use 1 to 4096 visible ASCII characters, without spaces at the ends.";
    no_patterns: "Escolha ao menos um evento, e no máximo 100.", "Choose at least one event, and at most 100.";
    bad_pattern:
        "“{}” não é um padrão: escreva PAYMENT.PAID, PAYMENT.* ou *.",
        "“{}” is no pattern: write PAYMENT.PAID, PAYMENT.* or *.";
    bad_description: "Use no máximo 500 bytes.", "Use at most 500 bytes.";
    bad_max_in_flight: "Escreva um número inteiro de 1 a 1000.", "Write a whole number from 1 to 1000.";
    bad_rate_limit: "Escreva um número de 0,01 a 10000.", "Write a number from 0.01 to 10000.";
    headers: "Cabeçalhos extras", "Extra headers";
    headers_help:
        "Enviados em cada tentativa; um por linha, como X-Loja: 42. Os valores nunca são mostrados de novo.",
        "Sent with every attempt; one a line, such as X-Shop: 42. Their values are never shown again.";
    headers_keep:
        "Um por linha, como X-Loja: 42. “…” mantém o valor guardado; apague a linha para remover o cabeçalho.",
        "One a line, such as X-Shop: 42. “…” keeps the value there is; delete the line to remove the header.";
    bad_headers:
        "Escreva um cabeçalho por linha, como X-Loja: 42; “…” só mantém um valor já guardado.",
        "Write one header a line, such as X-Shop: 42; “…” only keeps a value that is there already.";
    retry: "Novas tentativas", "Retries";
    retry_help:
        "Deixe tudo em branco para usar a agenda da configuração.",
        "Leave all of it empty to use the config's schedule.";
    retry_schedule: "Intervalos após cada falha", "Gaps after each failure";
    retry_schedule_help:
        "De 1 a 19, como 5s 30s 5m 2h; o último se repete. Cada um de 1ms a 30days.",
        "1 to 19, such as 5s 30s 5m 2h; the last one repeats. Each 1ms to 30days.";
    retry_attempts: "Tentativas automáticas", "Automatic attempts";
    retry_attempts_help: "De 1 a 20, a primeira incluída; em branco, 20.", "1 to 20, the first included; empty for 20.";
    retry_jitter: "Variação dos intervalos (%)", "Stretch of the gaps (%)";
    retry_jitter_help:
        "Cada intervalo é esticado ao acaso em até isto: 0 a 100; em branco, 10.",
        "Each gap is stretched at random by up to this: 0 to 100; empty for 10.";
    bad_schedule:
        "Escreva de 1 a 19 intervalos, como 5s 30s 5m 2h, cada um de 1ms a 30days.",
        "Write 1 to 19 gaps, such as 5s 30s 5m 2h, each 1ms to 30days.";
    bad_attempts: "Escreva um número inteiro de 1 a 20.", "Write a whole number from 1 to 20.";
    bad_jitter: "Escreva um número de 0 a 100.", "Write a number from 0 to 100.";
    created_at: "Criado", "Created";
    unknown_types:
        "Nenhum tipo do catálogo e nenhum evento registrado corresponde a: {}. Confira como foi escrito.",
        "No type of the catalogue and no event recorded so far matches: {}. Look at how it is written.";
    see_notifications: "Ver notificações", "See notifications";
    // Events.
    event: "Evento", "Event";
    event_type: "Tipo", "Type";
    external_id: "Id externo", "External id";
    resource_id: "Id do recurso", "Resource id";
    period: "Período", "Period";
    any_time: "Qualquer", "Any time";
    last_hour: "Última hora", "Last hour";
    last_week: "Últimos 7 dias", "Last 7 days";
    from: "De", "From";
    to: "Até", "To";
    local_time: "(hora local)", "(local time)";
    undelivered: "Ainda não entregues", "Not yet delivered";
    filter: "Filtrar", "Filter";
    clear: "Limpar", "Clear";
    recorded: "Registrado", "Recorded";
    occurred: "Ocorrido", "Occurred";
    newer: "Mais novos", "Newer";
    older: "Mais antigos", "Older";
    newer_notifications: "Mais novas", "Newer";
    older_notifications: "Mais antigas", "Older";
    pages: "Páginas", "Pages";
    no_events: "Nenhum evento ainda", "No events yet";
    no_events_help: "Registre o primeiro pela API:", "Record the first one through the API:";
    nothing_matches: "Nada corresponde aos filtros.", "Nothing matches the filters.";
    keep_looking:
        "Nesta parte nada corresponde; a busca continua mais para trás.",
        "Nothing matches in this part; the search goes on among the older ones.";
    bad_filter:
        "Um filtro não pôde ser lido e foi deixado de lado: {}",
        "A filter could not be read and was left aside: {}";
    nobody: "Nenhum webhook", "No webhook";
    resource: "Recurso", "Resource";
    resource_erased: "O conteúdo foi apagado.", "The payload was erased.";
    history: "Histórico de notificações", "Notification history";
    no_subscriber:
        "Nenhum webhook assinava este tipo quando o evento foi registrado.",
        "No webhook subscribed to this type when the event was recorded.";
    resend: "Reenviar", "Re-send";
    resend_event: "Reenviar a todos", "Re-send to all";
    resend_to: "Reenviar para {}", "Re-send to {}";
    attempt_n: "Tentativa {}", "Attempt {}";
    by_schedule: "automática", "automatic";
    manual: "manual", "manual";
    by_test: "teste", "test";
    not_notified: "Webhooks que não o recebem: {}", "Webhooks that don't receive it: {}";
    next_attempt: "Próxima tentativa", "Next attempt";
    of_attempts: "{} de {} tentativas automáticas", "{} of {} automatic attempts";
    response_body: "Corpo da resposta", "Response body";
    confirmed: "O destino confirmou.", "The target confirmed.";
    no_response: "sem resposta", "no response";
    dns: "DNS", "DNS";
    connect: "conexão", "connect";
    tls: "TLS", "TLS";
    first_byte: "espera", "wait";
    rest: "leitura", "read";
    total: "total", "total";
    // Notifications.
    notification: "Notificação", "Notification";
    webhook: "Webhook", "Webhook";
    response: "Resposta", "Response";
    any: "Todos", "Any";
    response_none: "Sem resposta", "No response";
    select: "Selecionar", "Select";
    select_page: "Selecionar todas desta página", "Select all on this page";
    resend_selected: "Reenviar as selecionadas", "Re-send the selected";
    resend_all: "Reenviar todas que correspondem", "Re-send all that match";
    not_whole_held:
        "As que estão em espera não são reenviadas: saem quando o webhook voltar a ficar ativo.",
        "Held ones are not re-sent: they are attempted once their webhook is active again.";
    not_whole_cancelled: "Canceladas não podem ser reenviadas.", "Cancelled ones can't be re-sent.";
    some_paused:
        "O que é de webhooks pausados ou desativados espera até que eles sejam retomados.",
        "What is of paused or disabled webhooks waits until they are resumed.";
    not_whole_aside:
        "Um filtro ficou de lado: corrija-o para poder reenviar todas que correspondem.",
        "A filter was left aside: put it right to re-send all that match.";
    not_whole_event:
        "As de um evento são reenviadas na página dele, com “Reenviar a todos”.",
        "Those of one event are re-sent on its own page, with “Re-send to all”.";
    no_notifications: "Nenhuma notificação ainda", "No notifications yet";
    no_notifications_help:
        "Elas aparecem quando um evento corresponde a um webhook.",
        "They appear when an event matches a webhook.";
    nothing_selected: "Nada foi selecionado.", "Nothing was selected.";
    resent_some: "Reenviadas: {}. Não puderam ser reenviadas: {}.", "Re-sent: {}. Could not be re-sent: {}.";
    not_whole_deleted:
        "As notificações de um webhook excluído estão canceladas e não podem ser reenviadas.",
        "The notifications of a deleted webhook are cancelled and can't be re-sent.";
    resend_job: "Reenvio em massa", "Bulk resend";
    resend_jobs: "Reenvios em massa", "Bulk resends";
    any_status: "Todos, inclusive as já entregues", "Any, those already delivered included";
    recorded_from: "Registrado a partir de", "Recorded from";
    recorded_to: "Registrado antes de", "Recorded before";
    job_running: "Em andamento", "Under way";
    job_done: "Concluído", "Done";
    job_failed: "Concluído em parte", "Done in part";
    job_cancelled: "Cancelado", "Cancelled";
    job_progress: "Reenviadas: {} de {}; puladas: {}", "Re-sent: {} of {}; passed over: {}";
    confirm_all_one: "Reenviar uma notificação?", "Re-send one notification?";
    confirm_all: "Reenviar {} notificações?", "Re-send {} notifications?";
    confirm_all_many: "Reenviar pelo menos {} notificações?", "Re-send at least {} notifications?";
    confirm_all_help:
        "Cada uma recebe uma tentativa manual, no ritmo do seu webhook.",
        "Each gets one manual attempt, at its webhook's own pace.";
    resend_yes: "Sim, reenviar", "Yes, re-send them";
    // What was just done.
    done_resent:
        "Reenvio pedido: a nova tentativa aparece no histórico.",
        "Re-send asked for: the new attempt appears in the history.";
    done_saved: "Salvo.", "Saved.";
    done_paused: "Pausado: as notificações ficam em espera.", "Paused: notifications are held.";
    done_resumed: "Retomado.", "Resumed.";
    done_deleted: "Webhook excluído.", "Webhook deleted.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_all_of_it() {
        for (name, pt, en) in ALL {
            assert!(!pt.is_empty() && !en.is_empty(), "{name}");
            assert_eq!(pt.matches("{}").count(), en.matches("{}").count(), "{name}");
        }
        assert_eq!(fill("{} de {}", &[&1, &"dois"]), "1 de dois");
    }

    #[test]
    fn a_browser_gets_the_language_it_likes_better() {
        for (header, lang) in [
            ("", Lang::Pt),
            ("pt-BR,pt;q=0.9,en;q=0.8", Lang::Pt),
            ("en-US,en;q=0.9,pt;q=0.8", Lang::En),
            ("de, en;q=0.5, pt;q=0.7", Lang::Pt),
            ("de", Lang::Pt),
            ("en;q=0", Lang::Pt),
        ] {
            assert_eq!(Lang::accepted(header), lang, "{header}");
        }
    }
}
