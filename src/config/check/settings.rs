//! Rules on `[switch]` and on the numbers that hold for the whole switch.

use crate::config::fault::Findings;
use crate::config::model::Model;
use crate::config::plan::Admin;
use crate::ids::LineId;

pub fn check(model: &Model, findings: &mut Findings<'_>) {
    admin_is_local(model, findings);
    lines_fit(model, findings);
}

fn admin_is_local(model: &Model, findings: &mut Findings<'_>) {
    if let (Some(Admin::Tcp(address)), Some(place)) = (model.switch.admin.get(), model.switch.admin.place())
        && !address.ip().is_loopback()
    {
        findings.warn(
            place,
            format!(
                "`admin` at {address} is not local: whoever reaches it can disable lines; use 127.0.0.1 or unix:/PATH"
            ),
        );
    }
}

fn lines_fit(model: &Model, findings: &mut Findings<'_>) {
    let most = LineId::LIMIT as usize;
    let mut lines = model.members.iter().flat_map(|member| member.lines());
    if let Some(line) = lines.nth(most) {
        findings.refuse(line.place, format!("more than {most} lines: spread the members over several switches"));
    }
}
