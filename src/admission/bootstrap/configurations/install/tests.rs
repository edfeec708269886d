use super::*;
use crate::admission::bootstrap::configurations::render::Address;
use crate::admission::bootstrap::paths::Paths;
use crate::admission::metrics::Metrics;
use crate::admission::readiness::Readiness;
use crate::orders::Installation;
use crate::telemetry::{self, Recorder, StatusEncoding};
use crate::testing::ApiServer;

const PROBES: &str = "POST /apis/coalmine.dev/v1alpha1/canarypolicies";
const VALIDATING: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const DENIED: &str = "admission webhook \"validate-canaries.coalmine.dev\" denied the request";
const AWAY: &str = "Internal error occurred: failed calling webhook \"validate-canaries.coalmine.dev\"";

fn rendering() -> Rendering {
    Rendering {
        address: Address::Url("https://webhook.example".into()),
        paths: Paths::random().unwrap(),
        ca_bundle: "CA\n".into(),
        own_namespace: "home".into(),
        only_namespace: None,
        own_users: Vec::new(),
        failure_policy: FailurePolicy::Ignore,
        canaries_failure_policy: FailurePolicy::Ignore,
        owner: None,
    }
}

/// An installer at work beside what happens to it.
struct Stage {
    fake: ApiServer,
    installer: Installer,
}

impl Stage {
    /// Of which every probe is answered so.
    fn new(code: u16, message: &str) -> Self {
        let fake = ApiServer::default();
        fake.refuse(PROBES, code, message, ApiServer::ALWAYS);
        let events = Recorder::new(telemetry::Metrics::new("0", "", StatusEncoding::Coalmine)).0;
        let teller = Teller::new(events, Metrics::default(), Readiness::default(), ("home", "webhook"));
        let installer = Installer::new(fake.client(), teller);
        Self { fake, installer }
    }

    async fn played(&self, happens: impl Future<Output = ()>) {
        let installation = Installation {
            uid: "u-1".into(),
            release: "1".into(),
        };
        let (_told, standing) = watch::channel(Standing::of(Installed::As(installation)));
        let (_rendered, with) = watch::channel(Some(rendering()));
        tokio::select! {
            () = self.installer.run(with, standing) => panic!("it runs for ever"),
            () = happens => {}
        }
    }

    /// From now on every probe is answered so.
    fn answers(&self, code: u16, message: &str) {
        self.fake.heal();
        self.fake.refuse(PROBES, code, message, ApiServer::ALWAYS);
    }

    /// The watch of one configuration ends, and cannot begin anew at once.
    fn breaks(&self) {
        self.fake.fail(&format!("WATCH {VALIDATING}"), 503, 1);
        self.fake.break_watches();
    }

    fn probes(&self) -> usize {
        self.fake.log.lock().iter().filter(|line| *line == PROBES).count()
    }

    fn unreached(&self) -> u64 {
        *self.installer.unreached().borrow()
    }

    fn fails_closed(&self) -> bool {
        let stored = self.fake.get(&format!("{VALIDATING}/{CONFIGURATIONS}")).unwrap();
        let hooks = stored["webhooks"].as_array().unwrap();
        let name = webhook_name(Entry::ValidateCanaries);
        hooks
            .iter()
            .any(|hook| hook["name"] == name && hook["failurePolicy"] == "Fail")
    }
}

async fn until(is: impl Fn() -> bool) {
    while !is() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_success_nobody_is_asked_until_a_watch_breaks_and_an_outage_counts_and_shows() {
    let stage = Stage::new(422, DENIED);
    stage
        .played(async {
            until(|| stage.installer.probed() && stage.fails_closed()).await;
            tokio::time::sleep(Duration::from_secs(3600)).await;
            assert_eq!(stage.probes(), 1, "an hour at rest");
            stage.answers(500, AWAY);
            stage.breaks();
            until(|| !stage.installer.probed()).await;
            until(|| stage.unreached() >= 2).await;
            assert!(stage.fails_closed(), "what is closed stays closed");
            stage.answers(422, DENIED);
            until(|| stage.installer.probed()).await;
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_is_followed_by_a_probe_and_by_no_write() {
    let stage = Stage::new(422, DENIED);
    let writes = || {
        let all = stage.fake.writes();
        all.iter().filter(|write| !write.starts_with(PROBES)).count()
    };
    stage
        .played(async {
            until(|| stage.installer.probed() && stage.fails_closed()).await;
            tokio::time::sleep(Duration::from_secs(3600)).await;
            let before = writes();
            stage.breaks();
            until(|| stage.probes() == 2).await;
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(writes(), before);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_cannot_be_asked_is_no_outage_of_the_webhook() {
    let stage = Stage::new(503, "apiserver is shutting down");
    stage
        .played(async {
            until(|| stage.probes() >= 3).await;
            assert_eq!((stage.unreached(), stage.installer.probed()), (0, false));
            stage.answers(422, DENIED);
            until(|| stage.installer.probed()).await;
            stage.answers(503, "apiserver is shutting down");
            stage.breaks();
            until(|| stage.probes() >= 6).await;
            assert_eq!((stage.unreached(), stage.installer.probed()), (0, true));
        })
        .await;
}

#[test]
fn what_people_are_told_to_look_for_is_what_is_logged() {
    for text in [
        include_str!("../../../../../docs/install.md"),
        include_str!("../../../../../charts/coalmine/templates/NOTES.txt"),
    ] {
        let command = text.lines().find(|line| line.contains(" logs -l ")).unwrap();
        let (asked, word) = command.split_once(" | grep ").unwrap();
        // Of several pods, and of all that they said: by a label, kubectl shows ten lines of each otherwise.
        assert!(asked.contains("--tail=-1"), "{command}");
        for said in [REACHED, UNREACHED, UNASKED] {
            assert!(said.starts_with(&format!("{word}: ")), "{command}");
        }
    }
}
