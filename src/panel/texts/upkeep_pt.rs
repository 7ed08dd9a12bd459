//! What the pages of whoever looks after carteiro say in Brazilian Portuguese: its tokens and its system.

use super::define::texts;

texts! {
    struct UpkeepTexts as PT;
    // Tokens.
    tokens: "Tokens";
    tokens_help: "Dê a cada programa e a cada pessoa um token próprio, só com as permissões de que precisa.";
    no_tokens: "Nenhum token";
    token_new: "Novo token";
    token_name: "Nome";
    token_name_example: "Loja virtual";
    token_scopes: "Permissões";
    token_made: "Criado";
    token_used: "Último uso";
    token_expires: "Validade";
    token_own: "este acesso";
    token_create: "Criar token";
    token_ready: "Token criado";
    token_once: "Copie agora: ele não será mostrado de novo.";
    token_problem: "Dê um nome de até 100 caracteres e escolha ao menos uma permissão.";
    never_expires: "Não vence";
    in_days: "Em {} dias";
    scope_admin: "tudo, inclusive criar e revogar tokens";
    scope_ingest: "registrar eventos";
    scope_read: "ver tudo, sem alterar nada";
    scope_metrics: "ler as métricas";
    revoke: "Revogar";
    revoke_title: "Revogar este token?";
    revoke_help: "Quem o usa perde o acesso na hora. Esta ação não pode ser desfeita.";
    revoke_own:
        "Você entrou com este token: ao revogá-lo, sua sessão termina. Tenha outro token de administrador à mão.";
    revoke_yes: "Sim, revogar";
}
