// One alert: decided by keyboard, told when it changes.
"use strict";

(() => {
  const { byId, follow, plainKey, toast } = Ringwatch;
  const alert = byId("alert");
  const decide = (verdict) => byId("decision").requestSubmit(byId("decision").querySelector(`[value=${verdict}]`));
  const go = (id, none) => (id ? location.assign(`/alerts/${id}`) : toast(none));
  let mine = 0; // decisions of this page that come back by the stream

  const keys = {
    f: () => decide("fraud"), n: () => decide("legit"), u: () => byId("back").click(),
    j: () => go(alert.dataset.older, "No older open alert"), k: () => go(alert.dataset.newer, "No newer open alert"),
  };
  document.addEventListener("keydown", (event) => {
    const action = keys[plainKey(event)];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("submit", (event) => { if (event.target.id === "decision") mine += 1; }, true);
  // htmx tells the form it has replaced, whose events nobody hears: watch for the new panel instead.
  let panel = byId("panel");
  new MutationObserver(() => {
    if (panel === byId("panel")) return;
    panel = byId("panel");
    if (panel) toast(panel.dataset.state === "confirmed" ? "Recorded as fraud" : "Recorded as not fraud");
  }).observe(panel.parentElement, { childList: true });
  // The same score as on the page: what is new is its explanation.
  const shown = ({ position, revision }) => {
    const why = byId("why").dataset;
    return position === why.position && String(revision) === why.revision;
  };
  follow("/api/alerts/stream", Number(alert.dataset.after), (kind, text) => {
    const changed = JSON.parse(text);
    if (String(changed.id) !== alert.dataset.id) {
      if (changed.state === "open" && changed.id > Number(alert.dataset.id) && !alert.dataset.newer) alert.dataset.newer = changed.id;
    } else if (kind === "decided" && mine > 0) {
      mine -= 1;
    } else if (kind === "updated" && shown(changed)) {
      htmx.ajax("GET", `/alerts/${changed.id}/why`, { target: "#why", swap: "outerHTML" });
    } else {
      byId("changed").hidden = false;
    }
  }, () => {});
})();
