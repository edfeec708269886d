//! Keeps what steps need of the cluster, as watches tell it: the objects of the namespaces we work in, and which Canaries a
//! change concerns. Nothing comes before it; every change goes on to [`queue`](super::queue).
//!
//! [`cache`], [`namespaces`], [`served`], [`network_policies`] and [`elsewhere`] follow the cluster, [`relist`] by what lists leave
//! out and what was said before; [`index`], [`concerned`] and [`governed`] know whom a change is about; [`cluster`] is what is
//! asked of all that, and [`live`], [`pointing`], [`configs`], [`owners`] and [`rivals`] are what a pair is found to be in it.

pub mod cache;
pub mod cluster;
pub mod concerned;
pub mod configs;
pub mod elsewhere;
pub mod governed;
pub mod index;
pub mod live;
pub mod namespaces;
pub mod network_policies;
pub mod owners;
pub mod pointing;
pub mod relist;
pub mod rivals;
pub mod served;
