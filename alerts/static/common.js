// What both pages share: ages, the toast, the help, and a stream that resumes where it stopped.
"use strict";

const Ringwatch = (() => {
  const byId = (id) => document.getElementById(id);

  function age(seconds) {
    if (seconds < 5) return "now";
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
    }
    return `${Math.floor(seconds)} s`;
  }

  function showAges() {
    for (const time of document.querySelectorAll("time[data-us]")) {
      time.textContent = age(Date.now() / 1000 - Number(time.dataset.us) / 1e6);
    }
  }

  let toastTimer;
  function toast(text) {
    const box = byId("toast");
    box.textContent = text;
    box.classList.add("on");
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => box.classList.remove("on"), 3500);
  }

  function newKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // A key pressed on the page itself: not in a field, not with a modifier, not while a dialog is open.
  function plainKey(event) {
    const typing = event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return "";
    return event.key;
  }

  // Follows `path` behind feed id `after`. A hidden page lets go of its connection (a browser has six for
  // one server, tabs together) and resumes when it is looked at; the server leaves out nothing in between.
  function follow(path, after, onStep, onState) {
    let source = null;
    let retry;
    function open() {
      clearTimeout(retry);
      if (source || document.hidden) return;
      source = new EventSource(`${path}?after=${after}`);
      source.onopen = () => onState("on");
      source.onerror = () => {
        onState("off");
        if (source && source.readyState === EventSource.CLOSED) {
          close();
          retry = setTimeout(open, 3000);
        }
      };
      for (const kind of ["created", "updated", "withdrawn", "decided"]) {
        source.addEventListener(kind, (event) => {
          after = Number(event.lastEventId);
          onStep(kind, event.data);
        });
      }
    }
    function close() {
      if (source) source.close();
      source = null;
    }
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", open);
    open();
  }

  setInterval(showAges, 5000);
  byId("help-open")?.addEventListener("click", () => byId("help").showModal());
  document.addEventListener("keydown", (event) => {
    if (plainKey(event) === "?") byId("help").showModal();
  });
  return { age, byId, follow, newKey, plainKey, showAges, toast };
})();
