//! What the providers can do, each in one value that can be compared and shown.

/// What the data planes behind a provider can do for a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// A share between none and all.
    pub weights: bool,
    /// Send requests that match `analysis.match` to the canary.
    pub matches: bool,
    /// Tell requests apart by who calls, as `sourceLabels` of `analysis.match` does.
    pub callers: bool,
    /// Send the canary a copy of the traffic.
    pub mirror: bool,
    /// Keep a user on one side by cookie.
    pub affinity: bool,
    /// Move connections of which nothing is known, as of `appProtocol: tcp`, and not requests alone.
    pub tcp: bool,
    /// Carry gRPC, also by a route that is made for an app whose user has none.
    pub grpc: bool,
    /// Move whoever calls any port of the Service, also by such a route; otherwise that one is for `spec.service.port` alone.
    pub several_ports: bool,
}

impl Capabilities {
    /// None of it.
    pub const NONE: Self = Self {
        weights: false,
        matches: false,
        callers: false,
        mirror: false,
        affinity: false,
        tcp: false,
        grpc: false,
        several_ports: false,
    };

    /// The same for connections of which nothing is known: shares of them, and no more.
    pub const fn of_connections(self) -> Self {
        Self {
            matches: false,
            callers: false,
            mirror: false,
            affinity: false,
            ..self
        }
    }
}
