use super::*;

#[tokio::test]
async fn a_review_is_answered_over_tls_by_a_leaf_of_our_ca() {
    let running = start(Limits::default(), false).await;
    assert_eq!(call(&running, &running.material.ca_bundle(), "x").await, 200);
    let other = Material::bootstrap(now(), &names()).unwrap();
    assert!(connect(&running, &other.ca_bundle()).await.is_err());
}

#[tokio::test]
async fn tls_1_2_is_spoken_only_where_asked_for() {
    for (allowed, expected) in [(false, false), (true, true)] {
        let running = start(Limits::default(), allowed).await;
        let stream = TcpStream::connect(running.address).await.unwrap();
        let connector = connector(&running.material.ca_bundle(), &[&rustls::version::TLS12]);
        let connected = connector
            .connect(ServerName::try_from("webhook.test").unwrap(), stream)
            .await;
        assert_eq!(connected.is_ok(), expected);
    }
}

#[tokio::test]
async fn a_change_of_leaf_and_ca_fails_no_request() {
    let running = start(Limits::default(), false).await;
    let mut material = running.material.clone();
    for action in [
        Action::RenewLeaf,
        Action::RenewCa,
        Action::RenewLeaf,
        Action::DropPrevious,
    ] {
        // The bundle of before must still do: API servers see the new one a little later.
        let before = material.ca_bundle();
        material = material.renewed(now(), &names(), action).unwrap();
        let (chain, key) = material.served();
        running.served.exchange(chain.as_bytes(), key.as_bytes()).unwrap();
        for _ in 0..5 {
            assert_eq!(call(&running, &before, "x").await, 200, "{action:?}");
            assert_eq!(call(&running, &material.ca_bundle(), "x").await, 200, "{action:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_none_changes_nothing() {
    let running = start(Limits::default(), false).await;
    assert!(running.served.exchange(b"", b"").is_err());
    let other = Material::bootstrap(now(), &names()).unwrap();
    let (chain, _) = other.served();
    let (_, key) = running.material.served();
    assert!(running.served.exchange(chain.as_bytes(), key.as_bytes()).is_err());
    assert_eq!(call(&running, &running.material.ca_bundle(), "x").await, 200);
}

/// A CA and what it signs, with these names.
struct Signer {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

impl Signer {
    fn new(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: rcgen::Issuer::new(params, key),
            pem,
        }
    }

    /// A connector that shows a certificate.
    fn client(&self, running: &Running, common: &str, others: &[&str]) -> TlsConnector {
        let key = rcgen::KeyPair::generate().unwrap();
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        let mut params = rcgen::CertificateParams::new(others).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, common);
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let builder = client_config(&running.material.ca_bundle(), rustls::ALL_VERSIONS);
        let config = builder
            .with_client_auth_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsConnector::from(Arc::new(config))
    }
}

/// Whether a client with this connector gets an answer. In TLS 1.3 it hears of a refusal only when it reads.
async fn is_let_in(running: &Running, connector: TlsConnector) -> bool {
    let stream = tcp(running, 1).await.unwrap();
    let name = ServerName::try_from("webhook.test").unwrap();
    let Ok(stream) = connector.connect(name, stream).await else {
        return false;
    };
    let Ok((mut sender, connection)) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await else {
        return false;
    };
    tokio::spawn(connection);
    let answer = sender.send_request(post(&path(), review("x"))).await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test]
async fn where_api_servers_have_certificates_nobody_else_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    let (ours, other) = (Signer::new("front-proxy-ca"), Signer::new("front-proxy-ca"));
    std::fs::write(&file, &ours.pem).unwrap();
    let names = vec!["kube-apiserver".to_owned(), "api.example.com".to_owned()];
    let clients = Clients::read(&file, names).unwrap();
    let known = Arc::new(KnownPaths::of(PATHS.clone()));
    let running = start_with(Limits::default(), true, known, Some(Arc::clone(&clients))).await;
    let bundle = running.material.ca_bundle();

    assert!(
        !is_let_in(&running, connector(&bundle, rustls::ALL_VERSIONS)).await,
        "without one"
    );
    for (signer, common, others, expected) in [
        (&ours, "kube-apiserver", &[][..], true),
        (&ours, "x", &["api.example.com"][..], true),
        (&ours, "x", &["other.example.com"][..], false),
        (&other, "kube-apiserver", &[][..], false),
    ] {
        let client = signer.client(&running, common, others);
        assert_eq!(is_let_in(&running, client).await, expected, "{common} {others:?}");
    }

    // The file changes, to something unusable in between.
    std::fs::write(&file, "nothing").unwrap();
    assert!(clients.refresh().is_err());
    assert!(is_let_in(&running, ours.client(&running, "kube-apiserver", &[])).await);
    std::fs::write(&file, &other.pem).unwrap();
    assert!(clients.refresh().unwrap() && !clients.refresh().unwrap());
    assert!(is_let_in(&running, other.client(&running, "kube-apiserver", &[])).await);
    assert!(!is_let_in(&running, ours.client(&running, "kube-apiserver", &[])).await);
    assert!(Clients::read(&folder.path().join("none"), Vec::new()).is_err());
}

#[tokio::test]
async fn without_names_every_certificate_of_the_ca_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    let ours = Signer::new("ca");
    std::fs::write(&file, &ours.pem).unwrap();
    let clients = Clients::read(&file, Vec::new()).unwrap();
    let known = Arc::new(KnownPaths::of(PATHS.clone()));
    let running = start_with(Limits::default(), false, known, Some(clients)).await;
    assert!(is_let_in(&running, ours.client(&running, "anybody", &[])).await);
}
