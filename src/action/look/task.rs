//! `look::task(cluster, id)`.

use super::*;
use crate::action::params::TASK;

/// A task of ECS.
pub(super) struct LookTask;

#[async_trait]
impl Query for LookTask {
    fn name(&self) -> &'static str {
        "look::task"
    }

    fn summary(&self) -> &'static str {
        "An ECS task as it is now, with its service and its roles; () when it does not exist."
    }

    fn params(&self) -> &'static [ParamSpec] {
        TASK
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("id", Shape::Text),
            ("cluster", Shape::Text),
            ("state", Shape::Text),
            ("launch", Shape::Text),
            ("service", Shape::Text),
            ("interfaces", Shape::List(&INTERFACE)),
            ("task_role", Shape::Text),
            ("execution_role", Shape::Text),
        ])
    }

    fn permissions(&self, at: &Place) -> BTreeSet<Permission> {
        permissions_for(&[Read::Task], at)
    }

    async fn read(
        &self,
        session: &dyn Session,
        at: &Place,
        params: &Params,
    ) -> Result<Value, LookError> {
        let found = session.task(at, &params.id("cluster")?, &params.id("task")?).await?;
        Ok(found.map_or(Value::Null, |task| {
            json!({
                "id": task.id,
                "cluster": task.cluster,
                "state": task.status,
                "launch": task.launch,
                "service": task.service,
                "interfaces": task.interfaces,
                "task_role": task.task_role,
                "execution_role": task.execution_role,
            })
        }))
    }
}
