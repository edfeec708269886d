use super::*;
use crate::testing::ApiServer;

#[tokio::test(start_paused = true)]
async fn those_of_a_namespace_share_a_look_and_kinds_that_are_not_there_are_not_asked_for_again_soon() {
    let server = ApiServer::default();
    for kind in reach::FOREIGN {
        server.fail(&format!("GET /apis/{}/*", kind.group), 404, ApiServer::ALWAYS);
    }
    let looks = Looks::default();
    let asked = async |times: usize| {
        server.log.lock().clear();
        let client = server.client();
        futures::future::join_all((0..times).map(|_| looks.look(&client, "shop"))).await;
        server.log.lock().len()
    };
    assert_eq!(asked(5).await, 1 + reach::FOREIGN.len(), "one look for all of them");
    assert_eq!(asked(1).await, 0, "what was found lately serves");
    tokio::time::sleep(FRESH).await;
    assert_eq!(asked(1).await, 1, "only what there is");
    tokio::time::sleep(ABSENT).await;
    assert_eq!(
        asked(1).await,
        1 + reach::FOREIGN.len(),
        "somebody may have installed them"
    );
    looks.forget();
    assert!(!looks.is_empty());
    tokio::time::sleep(FRESH).await;
    looks.forget();
    assert!(looks.is_empty());
}
