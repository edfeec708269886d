//! Patches that are not done again, because nothing comes of them; people are told.

use crate::controller::{
    context::{
        Context,
        memory::repeats::{MOST, Prospect},
    },
    difference::write::Write,
    queue::key,
    watch::informers::cache::Cache,
};
use crate::object::{text, version};
use crate::{api::Canary, messages::Severity};

/// What is to become of `write`, where the cache has this version of its object. Where it is not done now, that is said once.
pub fn prospect(context: &Context, canary: &Canary, write: &Write, cached: Option<u64>) -> Prospect {
    let (prospect, news) = context.memory.of(&key(canary), |canary| {
        let prospect = canary.repeats.prospect(write, cached);
        let news = prospect != Prospect::Needed && canary.repeats.is_news(write);
        (prospect, news)
    });
    if news {
        let text = said(write, prospect);
        context.effects.events.record(canary, Severity::Warning, text);
    }
    prospect
}

/// The version of the object of `write` that the cache has; `None` of kinds whose versions are not kept, and of writes that are
/// no patches, which count for nothing here.
pub fn cached(cache: &Cache, write: &Write) -> Option<u64> {
    let Write::Patch { .. } = write else { return None };
    let (kind, namespace, name) = write.subject();
    let object = cache.get(kind, namespace, name)?;
    version(Some(text(&object, "/metadata/resourceVersion")))
}

fn said(write: &Write, prospect: Prospect) -> String {
    let (kind, _, name) = write.subject();
    let kind = kind.resource().kind;
    match prospect {
        Prospect::Undone(_) => format!(
            "{kind} {name} was changed in the same way {MOST} times, and somebody undoes it each time; from now on it is changed \
             once a minute. See who else writes it"
        ),
        Prospect::NoEffect | Prospect::Needed => format!(
            "{kind} {name}: Coalmine's change is reverted before it is stored (admission policy or CRD). Coalmine writes it \
             again when the object or the wanted change differs, or after ten minutes"
        ),
    }
}
