//! The autoscaler that a Canary names, and what it may give. What primary's copy of it is like is said by
//! [`mod@super::primary`].

use crate::api::{Canary, Number};
use serde_json::Value;
use std::collections::BTreeMap;

/// KEDA's own default of `maxReplicaCount`.
const KEDA_MAX: u32 = 100;

/// What `spec.autoscalerRef.kind` may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalerKind {
    /// HorizontalPodAutoscaler of `autoscaling/v2`.
    Hpa,
    /// ScaledObject of `keda.sh/v1alpha1`.
    ScaledObject,
}

impl ScalerKind {
    /// Its kind as Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hpa => "HorizontalPodAutoscaler",
            Self::ScaledObject => "ScaledObject",
        }
    }

    /// The version it is read and written in, whatever the reference says (Flagger 1.44 reads the same two).
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Hpa => "autoscaling/v2",
            Self::ScaledObject => "keda.sh/v1alpha1",
        }
    }

    /// The kind of that name.
    pub fn parse(kind: &str) -> Option<Self> {
        [Self::Hpa, Self::ScaledObject].into_iter().find(|k| k.as_str() == kind)
    }

    /// What an autoscaler of this kind may give, by its own spec.
    pub fn bounds(self, scaler: &Value) -> Bounds {
        let (min, max) = self.bound_names();
        let stored = |field: &str| {
            let number = scaler.get("spec")?.get(field)?.as_u64()?;
            u32::try_from(number).ok()
        };
        let (least, most) = match self {
            Self::Hpa => (1, 1),
            Self::ScaledObject => (0, KEDA_MAX),
        };
        let min = stored(min).unwrap_or(least);
        Bounds {
            min,
            max: stored(max).unwrap_or(most).max(min),
        }
    }

    // Where a spec says its least and its most pods.
    pub(super) fn bound_names(self) -> (&'static str, &'static str) {
        match self {
            Self::Hpa => ("minReplicas", "maxReplicas"),
            Self::ScaledObject => ("minReplicaCount", "maxReplicaCount"),
        }
    }
}

/// `spec.autoscalerRef`, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autoscaler {
    /// Kind of the user's object.
    pub kind: ScalerKind,
    /// Name of the user's object; the copy is `NAME-primary`.
    pub name: String,
    /// `primaryScalerQueries`.
    pub queries: BTreeMap<String, String>,
    /// `primaryScalerReplicas.minReplicas`.
    pub min: Option<u32>,
    /// `primaryScalerReplicas.maxReplicas`.
    pub max: Option<u32>,
}

/// How many pods an autoscaler may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The fewest pods.
    pub min: u32,
    /// The most pods.
    pub max: u32,
}

impl Autoscaler {
    /// That of a Canary; `None` without one, or for a kind the schema does not know.
    pub fn of(canary: &Canary) -> Option<Self> {
        let reference = canary.spec.autoscaler_ref.as_ref()?;
        let bounds = reference.primary_scaler_replicas.clone().unwrap_or_default();
        let count = |n: Option<Number>| u32::try_from(n?.int()).ok();
        Some(Self {
            kind: ScalerKind::parse(&reference.kind)?,
            name: reference.name.clone(),
            queries: reference.primary_scaler_queries.clone().unwrap_or_default(),
            min: count(bounds.min_replicas),
            max: count(bounds.max_replicas),
        })
    }

    /// Name of the copy.
    pub fn primary_name(&self) -> String {
        format!("{}-primary", self.name)
    }

    /// What the copy of `user` may give primary.
    pub fn bounds(&self, user: &Value) -> Bounds {
        let own = self.kind.bounds(user);
        let min = self.min.unwrap_or(own.min);
        Bounds {
            min,
            max: self.max.unwrap_or(own.max).max(min),
        }
    }
}
