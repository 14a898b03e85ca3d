// The ring: nodes by colour and shape, the event's own edge in the middle, facts on a click.
"use strict";

(() => {
  const { byId } = Ringwatch;
  // Colour and shape both tell the type. Colours keep 3:1 against both grounds.
  const KINDS = {
    User: ["#4a7fd6", "ellipse"], Account: ["#138a7a", "round-rectangle"], Device: ["#8a63c9", "hexagon"],
    IP: ["#b5761a", "diamond"], Contact: ["#c2527f", "round-tag"],
  };
  const OTHERS = [["#5f7d2e", "triangle"], ["#6b7682", "pentagon"], ["#a35a3a", "octagon"], ["#3f8ca8", "vee"]];
  const OUTLINES = {
    ellipse: "M7 1.5a5.5 5.5 0 1 0 .01 0z", "round-rectangle": "M3 2h8q1 0 1 1v8q0 1-1 1H3q-1 0-1-1V3q0-1 1-1z",
    hexagon: "M4 2h6l3 5-3 5H4L1 7z", diamond: "M7 1l6 6-6 6-6-6z", "round-tag": "M2 3h7l4 4-4 4H2z",
    triangle: "M7 2l6 10H1z", pentagon: "M7 1l6 4.6L10.700 13H3.300L1 5.600z", octagon: "M4 1h6l3 3v6l-3 3H4l-3-3V4z",
    vee: "M7 13L1 1l6 4 6-4z",
  };
  const LABELLED = 16; // more edges than this are labelled only where it matters
  const STRONGEST = 9;
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function kindOf(type, types) {
    const unknown = types.filter((other) => !KINDS[other]);
    return KINDS[type] ?? OTHERS[unknown.indexOf(type) % OTHERS.length];
  }

  function swatch(shape, fill) {
    const svg = document.createElementNS(document.querySelector("svg").namespaceURI, "svg");
    const path = document.createElementNS(svg.namespaceURI, "path");
    for (const [name, value] of [["width", 14], ["height", 14], ["viewBox", "0 0 14 14"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
    path.setAttribute("d", OUTLINES[shape]);
    path.setAttribute("fill", fill);
    svg.append(path);
    return svg;
  }

  function legend(ring) {
    const box = byId("legend");
    for (const type of ring.types) {
      const [fill, shape] = kindOf(type, ring.types);
      const entry = document.createElement("span");
      entry.append(swatch(shape, fill), type);
      box.append(entry);
    }
    if (ring.nodes.some((node) => node.frauds)) {
      const entry = document.createElement("span");
      const mark = swatch("ellipse", "none");
      mark.firstChild.setAttribute("class", "reported");
      mark.firstChild.setAttribute("stroke", color("--high"));
      mark.firstChild.setAttribute("stroke-width", "2.5");
      entry.append(mark, "reported fraud");
      box.append(entry);
    }
  }

  // The layout draws lots; from the same ones it ends the same, so an alert looks the same each time.
  function withSameLots(work) {
    const random = Math.random;
    let state = 20210;
    Math.random = () => {
      state = (state * 16807) % 2147483647;
      return state / 2147483647;
    };
    try {
      return work();
    } finally {
      Math.random = random;
    }
  }

  // Spreads the nodes over the canvas, so that names are read at their own size; then fits what is left.
  function fill(cy) {
    const box = cy.nodes().boundingBox({ includeLabels: false });
    const spread = (room, size) => Math.min(Math.max((room - 110) / Math.max(size, 1), 0.8), 2.4);
    const [wide, high] = [spread(cy.width(), box.w), spread(cy.height(), box.h)];
    cy.nodes().positions((node) => ({ x: node.position("x") * wide, y: node.position("y") * high }));
    cy.fit(undefined, 24);
    if (cy.zoom() > 1.25) {
      cy.zoom(1.25);
      cy.center();
    }
  }

  // The event's ends stay on a line in the middle, and unseen posts between them keep others off its edge.
  function arrange(cy, ring) {
    const { source, target } = ring.edges[0];
    const fixed = [];
    const posts = [];
    if (source !== target) {
      const half = 150;
      fixed.push({ nodeId: source, position: { x: -half, y: 0 } }, { nodeId: target, position: { x: half, y: 0 } });
      for (const x of [-75, 0, 75]) {
        posts.push({ group: "nodes", data: { id: `post ${x}`, label: "", fill: "#000", shape: "ellipse" }, position: { x, y: 0 }, classes: "post" });
        fixed.push({ nodeId: `post ${x}`, position: { x, y: 0 } });
      }
      const way = [source, ...posts.map((post) => post.data.id), target];
      for (let at = 1; at < way.length; at += 1) {
        posts.push({ group: "edges", data: { id: `post edge ${at}`, source: way[at - 1], target: way[at], width: 1 }, classes: "post" });
      }
    }
    const added = cy.add(posts);
    withSameLots(() => cy.layout({
      name: "fcose", quality: "proof", randomize: true, animate: false, fit: false, nodeDimensionsIncludeLabels: true,
      idealEdgeLength: (edge) => (edge.hasClass("post") ? 75 : edge.connectedNodes(".source, .target").nonempty() ? 165 : 90),
      nodeRepulsion: 22000, edgeElasticity: 0.35,
      gravity: 0.18, numIter: 4000, packComponents: false, nodeSeparation: 110,
      fixedNodeConstraint: fixed.length ? fixed : undefined,
    }).run());
    added.remove();
    fill(cy);
  }

  function elements(ring) {
    const byWeight = ring.edges.filter((edge) => !edge.event).sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
    const strongest = new Set(byWeight.slice(0, STRONGEST).filter((edge) => edge.weight).map((edge) => edge.id));
    const heaviest = Math.max(...ring.edges.map((edge) => Math.abs(edge.weight)), 1e-9);
    const few = ring.edges.length <= LABELLED;
    const nodes = ring.nodes.map((node) => ({
      group: "nodes",
      data: { ...node, fill: kindOf(node.type, ring.types)[0], shape: kindOf(node.type, ring.types)[1] },
      classes: [node.role, node.frauds ? "reported" : ""].filter(Boolean).join(" "),
    }));
    const edges = ring.edges.map((edge) => ({
      group: "edges",
      data: { ...edge, width: edge.event ? 4 : 1 + 3 * Math.abs(edge.weight) / heaviest },
      classes: [
        edge.event ? "event" : "", edge.fraud ? "reported" : "", edge.weight > 0 ? "up" : "",
        edge.event || few || strongest.has(edge.id) ? "named" : "",
      ].filter(Boolean).join(" "),
    }));
    return [...nodes, ...edges];
  }

  function style() {
    const font = { "font-family": "system-ui, Segoe UI, Roboto, Liberation Sans, sans-serif", color: color("--text") };
    const halo = { "text-background-color": color("--surface"), "text-background-opacity": 0.85, "text-background-padding": 1 };
    return [
      { selector: "node", style: {
        ...font, "background-color": "data(fill)", shape: "data(shape)", width: 24, height: 24, label: "data(label)",
        "font-size": 10, "text-valign": "bottom", "text-margin-y": 3, "min-zoomed-font-size": 6, ...halo } },
      { selector: "node.source, node.target", style: { width: 38, height: 38, "font-size": 12, "font-weight": 600, "border-width": 2.5, "border-color": color("--text") } },
      { selector: "node.reported", style: { "border-width": 3.5, "border-color": color("--high") } },
      { selector: "edge", style: {
        ...font, width: "data(width)", "line-color": color("--edge"), "target-arrow-color": color("--faint"), "line-opacity": 1,
        "target-arrow-shape": "triangle", "arrow-scale": 0.8, "curve-style": "bezier", "font-size": 9, "text-wrap": "wrap",
        "min-zoomed-font-size": 6, "text-rotation": "autorotate", ...halo, color: color("--soft") } },
      { selector: "edge.up", style: { "line-color": color("--faint") } },
      { selector: "edge.reported", style: { "line-color": color("--high"), "target-arrow-color": color("--high"), "line-style": "dashed" } },
      { selector: "edge.event", style: {
        "line-color": color("--focus"), "target-arrow-color": color("--focus"), "font-size": 11, "font-weight": 600,
        color: color("--text"), "z-index": 9, "arrow-scale": 1.2 } },
      { selector: "edge.named", style: { label: "data(short)" } },
      { selector: "edge.event", style: { label: "data(label)" } },
      { selector: ".post", style: { opacity: 0, events: "no" } },
      { selector: ".faded", style: { opacity: 0.18 } },
      { selector: "edge.near", style: { label: "data(label)", "z-index": 8, "line-color": color("--soft") } },
      { selector: "edge.event.near", style: { "line-color": color("--focus") } },
      { selector: ":selected", style: { "overlay-color": color("--focus"), "overlay-opacity": 0.18, "overlay-padding": 5 } },
    ];
  }

  function tell(element) {
    const list = document.createElement("dl");
    for (const [name, value] of element.data("facts")) {
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = name;
      text.textContent = value;
      list.append(term, text);
    }
    byId("facts").replaceChildren(list);
    byId("facts").hidden = false;
  }

  function focusOn(cy, element) {
    const near = element.isNode() ? element.closedNeighborhood() : element.union(element.connectedNodes());
    cy.elements().addClass("faded").removeClass("near");
    near.removeClass("faded");
    near.edges().addClass("near");
    tell(element);
  }

  function clear(cy) {
    cy.elements().removeClass("faded near").unselect();
    byId("facts").hidden = true;
  }

  function draw(ring) {
    cytoscape.warnings(false); // it warns of edges shorter than their ends while the layout is at work
    const cy = cytoscape({
      container: byId("ring"), elements: elements(ring), style: style(), layout: { name: "preset" },
      minZoom: 0.2, maxZoom: 3, boxSelectionEnabled: false,
    });
    arrange(cy, ring);
    cy.on("tap", "node, edge", (event) => focusOn(cy, event.target));
    cy.on("tap", (event) => { if (event.target === cy) clear(cy); });
    byId("fit").addEventListener("click", () => cy.fit(undefined, 24));
    byId("labels").addEventListener("change", (event) => cy.edges().toggleClass("near", event.target.checked));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => cy.style(style()));
    document.addEventListener("click", (event) => { // on the document: the reasons are replaced when better ones come
      const name = event.target.closest("tr[data-edge]")?.dataset.edge;
      if (!name) return;
      const found = cy.edges().filter((edge) => edge.id() === name || edge.data("facts").some((fact) => fact[1].endsWith(name)));
      if (found.nonempty()) focusOn(cy, found[0].select());
    });
    window.cy = cy; // for tests and the curious
    byId("ring").dataset.nodes = cy.nodes().length;
  }

  fetch(`/api/alerts/${byId("alert").dataset.id}/ring`)
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`status ${answer.status}`))))
    .then((ring) => { legend(ring); draw(ring); })
    .catch((error) => { byId("ring").textContent = `The ring could not be drawn: ${error.message}`; });
})();
