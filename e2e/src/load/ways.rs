//! How requests go.

/// How requests share connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// Answered connections are used again, as browsers and sidecars do.
    KeepAlive,
    /// Each request opens its own.
    New,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// Pages, by HTTP/1.1.
    Http,
    /// Calls of gRPC, by HTTP/2 without asking first.
    Grpc,
}
