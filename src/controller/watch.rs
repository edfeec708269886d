//! Keeps what steps need of the cluster, as watches tell it: the objects of the namespaces we work in, and which Canaries a
//! change concerns. Nothing comes before it; every change goes on to [`queue`](super::queue).
//!
//! [`namespaces`] starts the watches of the namespaces we work in, [`informers`] keep what they tell, [`cluster`] is what is asked
//! of all that, [`pair`] what a pair is found to be in it, and [`concerned`] knows whom a change is about.

pub mod cluster;
pub mod concerned;
pub mod informers;
pub mod namespaces;
pub mod pair;
