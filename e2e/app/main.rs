//! The demo workload: a small HTTP server that is the honest worst case of an application.
//!
//! It marks every answer with `x-app-version`, so that an answer made by a gateway can be told from its own,
//! and it has no graceful shutdown: on SIGTERM it is gone, with whatever it was answering.
//!
//! It speaks HTTP/1.1 and HTTP/2 on its one port, and one method of gRPC, `coalmine.App/Version`, which takes as long and
//! fails as often as `/`.
//!
//! A scene that asks a pod at its own address learns what no answer through a gateway tells: `/received` is what the
//! pod was asked (mirrored requests too), `/env/NAME` and `/file/PATH` are the configuration it really has (files
//! below `FILES_ROOT`, `/etc/app` unless set). `/spin/MS` keeps a core busy and then answers like `/`.

mod answers;
mod exposition;
mod grpc;
mod looks;
mod received;
mod settings;
mod spin;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use settings::Settings;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The code the process ends with when it was told to crash.
const CRASH_CODE: i32 = 3;

fn main() -> ExitCode {
    let served = Settings::from_env(|name| std::env::var(name).ok()).and_then(|settings| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
            .and_then(|runtime| runtime.block_on(serve(settings)))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("app: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: Settings) -> Result<(), String> {
    exit_on_sigterm()?;
    if settings.crash {
        tokio::spawn(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            std::process::exit(CRASH_CODE);
        });
    }
    let port = settings.port;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .map_err(|error| format!("cannot listen on port {port}: {error}"))?
        .tap_io(|stream| drop(stream.set_nodelay(true)));
    println!("app {} listens on port {port}", settings.version);
    axum::serve(listener, answers::router(Arc::new(settings)))
        .await
        .map_err(|error| error.to_string())
}

/// Process 1 of a container ignores SIGTERM unless it asks for it, so asking is what makes the exit immediate.
fn exit_on_sigterm() -> Result<(), String> {
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        terminated.recv().await;
        std::process::exit(0);
    });
    Ok(())
}
