//! The errors of the store as sentences, in both languages; in English they are what the log has. What another library
//! says, and what a damaged file holds, stands in them as it is.

use super::{EngineError, OpenError, RESTORE, StoreError};
use crate::model::{Localized, display_in_english, localized};
use crate::store::format::of_another_format;
use std::io;

/// [`RESTORE`] in Portuguese.
const RESTORE_PT: &str = "guarde uma cópia da pasta de dados e restaure o último backup em uma pasta vazia com \
                          `carteiro restore ARQUIVO`";

/// A sentence of which only the English is known: a library's, say.
fn as_it_is(text: &str) -> Localized {
    Localized::new(text, text)
}

impl EngineError {
    /// What went wrong, and what to do.
    pub fn localized(&self) -> Localized {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => localized!(
                "the disk of the data folder is full to its last byte: make room, and start again",
                "o disco da pasta de dados está cheio até o último byte: libere espaço e inicie de novo"
            ),
            Self::Io(error) => localized!("the store failed: {error}", "o armazenamento falhou: {error}"),
            Self::Sled { why, .. } => localized!(
                "the store is damaged ({why}): {RESTORE}",
                "o armazenamento está danificado ({why}): {RESTORE_PT}"
            ),
            Self::Damaged(why) => localized!(
                "the store is damaged: {why}; `carteiro verify` tells how far it goes, and {RESTORE}",
                "o armazenamento está danificado: {why}; `carteiro verify` mostra até onde, e {RESTORE_PT}"
            ),
            Self::Refused(why) => as_it_is(why),
            Self::FailedBefore => localized!(
                "a write failed before, and nothing is written after it: start again",
                "uma gravação falhou antes, e nada é gravado depois dela: inicie de novo"
            ),
            Self::OutOfOrder { expected, got } => localized!(
                "commit {got} was to be written into the journal where {expected} comes next",
                "o commit {got} ia ser gravado no journal onde o próximo é o {expected}"
            ),
            Self::TooLarge { bytes } => localized!(
                "{bytes} bytes are more than one commit may have",
                "{bytes} bytes são mais do que um commit pode ter"
            ),
            Self::Gone { commit, why } => localized!(
                "the journal no longer has commit {commit}: {why}",
                "o journal não tem mais o commit {commit}: {why}"
            ),
        }
    }
}

impl StoreError {
    /// What went wrong, and what to do.
    pub fn localized(&self) -> Localized {
        let mib = |bytes: u64| bytes >> 20;
        match self {
            Self::Engine(error) => error.localized(),
            Self::Damaged { table, what } => localized!(
                "the store is damaged: a {table} record {what}; `carteiro verify` tells how far it goes, and {RESTORE}",
                "o armazenamento está danificado: um registro ({table}) {what}; `carteiro verify` mostra até onde, e \
                 {RESTORE_PT}"
            ),
            Self::Full { free, min_free } => {
                let (free, least) = (mib(*free), mib(*min_free));
                localized!(
                    "the disk is almost full: {free} MiB are free, and `store.min_free` keeps {least} MiB; make room, \
                     and the daemon goes on by itself",
                    "o disco está quase cheio: há {free} MiB livres, e `store.min_free` reserva {least} MiB; libere \
                     espaço, e o daemon continua sozinho"
                )
            }
            Self::NoRoom { free, needed } => {
                let (free, needed) = (mib(*free), needed.div_ceil(1 << 20));
                localized!(
                    "the disk is almost full: {free} MiB are free, and it takes {needed} MiB to store what was \
                     recorded for good; make room, and the daemon goes on by itself",
                    "o disco está quase cheio: há {free} MiB livres, e são precisos {needed} MiB para guardar de vez o \
                     que foi registrado; libere espaço, e o daemon continua sozinho"
                )
            }
            Self::Busy => localized!(
                "the disk can't keep up, so nothing that makes the store grow is taken for the moment: try again; if \
                 it stays so, the daemon's log says why",
                "o disco não está acompanhando o volume, e por enquanto nada que faça o armazenamento crescer é \
                 aceito: tente de novo; se continuar assim, o log diz por quê"
            ),
            Self::Stopped => localized!(
                "the store has stopped, and carteiro is stopping: try again in a moment",
                "o armazenamento parou, e o carteiro está parando: tente de novo em instantes"
            ),
            Self::Failed(error) => {
                localized!("the data folder can't be used: {error}", "a pasta de dados não pode ser usada: {error}")
            }
        }
    }
}

impl OpenError {
    /// What went wrong, and what to do.
    pub fn localized(&self) -> Localized {
        match self {
            Self::Store(error) => error.localized(),
            Self::Locked => localized!(
                "another process holds this data folder, a `carteiro serve` as a rule: stop it, or let store.path name \
                 another folder",
                "outro processo está com esta pasta de dados, em geral um `carteiro serve`: pare-o, ou indique outra \
                 pasta em store.path"
            ),
            Self::Format(found) => {
                let Localized { en, pt } = of_another_format(*found);
                localized!("the store {en}", "o armazenamento {pt}")
            }
            Self::ClockBefore1970 => localized!(
                "the clock of this machine is wrong, it shows a time before 1970: set it (`timedatectl`), and start \
                 again; the store was not touched",
                "o relógio desta máquina está errado, mostra um momento antes de 1970: acerte-o (`timedatectl`) e \
                 inicie de novo; o armazenamento não foi tocado"
            ),
            Self::NotRoots { folder, owner } => {
                let folder = folder.display();
                localized!(
                    "{folder} belongs to {owner}, and this process runs as root: {owner} could not read what root \
                     writes there; run it as {owner}: `systemctl start carteiro`, or `sudo -u {owner} carteiro ...`",
                    "{folder} é do usuário {owner}, e este processo roda como root: {owner} não conseguiria ler o que \
                     o root grava ali; execute-o como {owner}: `systemctl start carteiro`, ou `sudo -u {owner} \
                     carteiro ...`"
                )
            }
            // Written by root in a folder of the daemon's, as a rule: a restore without `sudo -u`.
            Self::Anothers { file, owner, folder, user } if owner == "root" => {
                let (file, folder) = (file.display(), folder.display());
                localized!(
                    "{file} belongs to root, and {user} may not use it: run this with sudo, or, if the daemon runs as \
                     {user}, give it back: `sudo chown -R {user}: {folder}`",
                    "{file} é do root, e {user} não pode usá-lo: execute isto com sudo ou, se o daemon roda como \
                     {user}, devolva-o a ele: `sudo chown -R {user}: {folder}`"
                )
            }
            Self::Anothers { file, owner, user, .. } => {
                let file = file.display();
                localized!(
                    "{file} belongs to {owner}, and {user} may not use it: run this with sudo, or as {owner} (`sudo -u \
                     {owner} carteiro ...`)",
                    "{file} é do usuário {owner}, e {user} não pode usá-lo: execute isto com sudo, ou como {owner} \
                     (`sudo -u {owner} carteiro ...`)"
                )
            }
            Self::NoRoomToOpen { folder, needed } => {
                let (folder, needed) = (folder.display(), needed >> 20);
                localized!(
                    "the disk of {folder} is full: opening the store takes {needed} MiB; make room, and start again",
                    "o disco de {folder} está cheio: abrir o armazenamento exige {needed} MiB; libere espaço e inicie \
                     de novo"
                )
            }
            Self::Behind { folder, found, acknowledged } => {
                let folder = folder.display();
                let left = match found {
                    None => localized!("nothing is left", "nada restou"),
                    Some(found) => localized!("it stands at {found}", "está no {found}"),
                };
                let Localized { en, pt } = left;
                localized!(
                    "the store in {folder} has lost what it had acknowledged: it had come to commit {acknowledged}, \
                     and {en}. {RESTORE}; or, to go on with what is left, start once with `carteiro serve \
                     --accept-data-loss`",
                    "o armazenamento em {folder} perdeu o que tinha confirmado: tinha chegado ao commit \
                     {acknowledged}, e {pt}. {RESTORE_PT}; ou, para continuar com o que restou, inicie uma vez com \
                     `carteiro serve --accept-data-loss`"
                )
            }
            Self::MarkerDamaged(marker) => {
                let marker = marker.display();
                localized!(
                    "{marker} is damaged, so nothing tells whether the store is whole: {RESTORE}; or, if `carteiro \
                     verify` finds all well, start once with `carteiro serve --accept-data-loss`",
                    "{marker} está danificado, e nada diz se o armazenamento está inteiro: {RESTORE_PT}; ou, se o \
                     `carteiro verify` não encontrar nada de errado, inicie uma vez com `carteiro serve \
                     --accept-data-loss`"
                )
            }
            Self::AnotherStore(marker) => {
                let marker = marker.display();
                localized!(
                    "{marker} belongs to another store than the `db` beside it: put back the files that belong \
                     together, or {RESTORE}",
                    "{marker} é de outro armazenamento que não o do `db` ao lado: ponha de volta os arquivos que \
                     combinam, ou {RESTORE_PT}"
                )
            }
            Self::NothingVouches(folder) => {
                let folder = folder.display();
                localized!(
                    "{folder} holds files of a store and no `marker`, so nothing tells whether they are all and whole: \
                     if some were copied, copy all of them; {RESTORE}; or, if what is left is all you want, start once \
                     with `carteiro serve --accept-data-loss`",
                    "{folder} tem arquivos de um armazenamento e nenhum `marker`, e nada diz se estão todos lá e \
                     inteiros: se alguns foram copiados, copie todos; {RESTORE_PT}; ou, se o que restou basta, inicie \
                     uma vez com `carteiro serve --accept-data-loss`"
                )
            }
            Self::Journal { folder, why, .. } => {
                let folder = folder.display();
                localized!("the store in {folder}: {why}", "o armazenamento em {folder}: {why}")
            }
            Self::HalfRestored(folder) => {
                let folder = folder.display();
                localized!(
                    "a restore into {folder} was cut off: run `carteiro restore FILE` again, to its end",
                    "uma restauração em {folder} foi interrompida: execute `carteiro restore ARQUIVO` de novo, até o \
                     fim"
                )
            }
        }
    }
}

display_in_english!(EngineError, StoreError, OpenError);
