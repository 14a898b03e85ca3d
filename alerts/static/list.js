// The list: rows that come and change by themselves, chosen and decided by keyboard.
"use strict";

(() => {
  const { byId, follow, newKey, plainKey, showAges, toast } = Ringwatch;
  const MOST_ROWS = 1000;
  const rows = byId("rows");
  const filter = byId("filter");
  const hold = byId("hold");
  let selected = null;
  let held = null; // steps that wait while the list is held still

  const alertRows = () => [...rows.querySelectorAll("tr[data-id]")];

  function wanted(row) {
    const chosen = new FormData(filter);
    const state = chosen.get("state");
    const text = String(chosen.get("q")).trim().toLowerCase();
    return (state === "all" || state === row.dataset.state)
      && (!chosen.get("relation") || chosen.get("relation") === row.dataset.relation)
      && Number(row.dataset.probability) >= Number(chosen.get("min") || 0)
      && (!text || row.dataset.text.toLowerCase().includes(text));
  }

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html; // escaped by the server
    return template.content.querySelector("tr[data-id]");
  }

  function place(row) {
    const id = Number(row.dataset.id);
    const behind = alertRows().find((other) => Number(other.dataset.id) < id);
    rows.insertBefore(row, behind ?? rows.querySelector("tr.foot"));
  }

  function drop(row) {
    if (row === selected) select(row.nextElementSibling?.dataset.id ? row.nextElementSibling : row.previousElementSibling);
    row.remove();
  }

  function apply(kind, html) {
    const row = parse(html);
    const old = byId(row.id);
    if (!wanted(row)) {
      if (old) drop(old);
    } else if (old) {
      old.replaceWith(row);
      if (old === selected) select(row, false);
    } else {
      row.classList.add("fresh");
      place(row);
    }
    const all = alertRows();
    if (all.length > MOST_ROWS) all.slice(MOST_ROWS).forEach((extra) => extra.remove());
    byId("empty").hidden = all.length > 0;
  }

  function step(kind, html) {
    if (held) {
      held.push([kind, html]);
      showState("held");
    } else {
      apply(kind, html);
    }
  }

  let stream = "connecting";
  function showState(state) {
    if (state !== "held") stream = state;
    const shown = held ? "held" : stream;
    byId("live").className = `live ${shown}`;
    const words = { on: "live", off: "reconnecting", held: `held, ${held?.length ?? 0} waiting` };
    byId("live").lastElementChild.textContent = words[shown] ?? shown;
  }

  function toggleHold() {
    const waiting = held ?? [];
    held = held ? null : [];
    waiting.forEach(([kind, html]) => apply(kind, html));
    hold.setAttribute("aria-pressed", String(held !== null));
    hold.textContent = held ? "Go on" : "Hold";
    showState(stream);
    showAges();
  }

  function select(row, scroll = true) {
    selected?.classList.remove("selected");
    selected?.removeAttribute("aria-selected");
    selected = row?.dataset?.id ? row : null;
    selected?.classList.add("selected");
    selected?.setAttribute("aria-selected", "true");
    if (selected && scroll) {
      selected.scrollIntoView({ block: "nearest" });
      selected.querySelector("a").focus({ preventScroll: true });
    }
  }

  function move(by) {
    const all = alertRows();
    const at = selected ? all.indexOf(selected) + by : by > 0 ? 0 : all.length - 1;
    if (all[at]) select(all[at]);
  }

  let deciding = null;
  function ask(verdict) {
    if (!selected) return toast("Choose an alert first: j and k");
    deciding = { id: selected.dataset.id, verdict, key: newKey() };
    byId("decide-title").textContent = verdict === "fraud" ? "Fraud" : "Not fraud";
    byId("decide-event").textContent = selected.querySelector(".event").textContent.trim();
    byId("decide-record").className = verdict === "fraud" ? "bad" : "good";
    byId("decide-form").reset();
    byId("decide").returnValue = "";
    byId("decide").showModal();
    byId("decide-form").elements.note.focus();
  }

  async function record() {
    const { id, verdict, key } = deciding;
    const note = byId("decide-form").elements.note.value;
    try {
      const answer = await fetch(`/api/alerts/${id}/decision`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ verdict, note, key }),
      });
      if (!answer.ok) throw new Error((await answer.json()).error);
      toast(`Alert ${id} recorded as ${verdict === "fraud" ? "fraud" : "not fraud"}`);
    } catch (error) {
      toast(`Not recorded: ${error.message}`);
    }
  }

  byId("decide").addEventListener("close", () => {
    if (byId("decide").returnValue === "record") record();
    selected?.querySelector("a").focus({ preventScroll: true });
  });
  byId("decide-form").elements.note.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("decide").close("record");
  });
  hold.addEventListener("click", toggleHold);
  filter.addEventListener("change", () => filter.requestSubmit());
  rows.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-id]");
    if (!row || event.target.closest("a, button")) return;
    select(row);
  });
  rows.addEventListener("dblclick", (event) => event.target.closest("tr[data-id]")?.querySelector("a").click());

  const keys = {
    j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
    Enter: () => selected?.querySelector("a").click(),
    f: () => ask("fraud"), n: () => ask("legit"), p: toggleHold,
    "/": () => filter.elements.q.focus(),
  };
  document.addEventListener("keydown", (event) => {
    const action = keys[plainKey(event)];
    if (!action || event.target.closest("button, input")) return;
    event.preventDefault();
    action();
  });
  follow("/stream/rows", Number(byId("alerts").dataset.after), step, showState);
})();
