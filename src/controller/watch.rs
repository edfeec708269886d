//! Keeps what steps need of the cluster, as watches tell it: the objects of the namespaces we work in, and which Canaries a
//! change concerns. Nothing comes before it; every change goes on to [`queue`](super::queue).

pub mod cache;
pub mod cluster;
pub mod concerned;
pub mod configs;
pub mod elsewhere;
pub mod index;
pub mod live;
pub mod namespaces;
pub mod owners;
pub mod pointing;
pub mod relist;
pub mod rivals;
pub mod served;
