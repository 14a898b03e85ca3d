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
  const LABELLED = 34; // more edges than this are labelled only where it matters
  const STRONGEST = 10;
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

  // Where the layout starts: the event's ends on a line, what hangs on each on its own side. From the same
  // start it ends the same, so an alert looks the same each time it is opened.
  function start(ring) {
    const [source, target] = [ring.edges[0].source, ring.edges[0].target];
    const near = new Map([[source, 0], [target, 0]]);
    const side = new Map([[source, -1], [target, 1]]);
    for (let hop = 1, grown = true; grown; hop += 1) {
      grown = false;
      for (const edge of ring.edges) {
        for (const [from, to] of [[edge.source, edge.target], [edge.target, edge.source]]) {
          if (near.get(from) === hop - 1 && !near.has(to)) {
            near.set(to, hop);
            side.set(to, side.get(from));
            grown = true;
          }
        }
      }
    }
    const places = new Map([[source, { x: -130, y: 0 }], [target, { x: 130, y: 0 }]]);
    for (const way of [-1, 1]) {
      const mine = ring.nodes.filter((node) => !places.has(node.id) && (side.get(node.id) ?? 1) === way);
      mine.forEach((node, index) => {
        const angle = ((index + 0.5) / mine.length - 0.5) * Math.PI * 1.25;
        const distance = 130 * (near.get(node.id) ?? 3);
        places.set(node.id, { x: way * (130 + distance * Math.cos(angle)), y: distance * Math.sin(angle) });
      });
    }
    return places;
  }

  function elements(ring, places) {
    const byWeight = ring.edges.filter((edge) => !edge.event).sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
    const strongest = new Set(byWeight.slice(0, STRONGEST).filter((edge) => edge.weight).map((edge) => edge.id));
    const heaviest = Math.max(...ring.edges.map((edge) => Math.abs(edge.weight)), 1e-9);
    const few = ring.edges.length <= LABELLED;
    const nodes = ring.nodes.map((node) => ({
      group: "nodes", position: places.get(node.id),
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
        ...font, width: "data(width)", "line-color": color("--line"), "target-arrow-color": color("--faint"), "line-opacity": 1,
        "target-arrow-shape": "triangle", "arrow-scale": 0.8, "curve-style": "bezier", "font-size": 8, "text-wrap": "wrap",
        "min-zoomed-font-size": 6, "text-rotation": "autorotate", ...halo, color: color("--soft") } },
      { selector: "edge.up", style: { "line-color": color("--faint") } },
      { selector: "edge.reported", style: { "line-color": color("--high"), "target-arrow-color": color("--high"), "line-style": "dashed" } },
      { selector: "edge.event", style: {
        "line-color": color("--focus"), "target-arrow-color": color("--focus"), "font-size": 11, "font-weight": 600,
        color: color("--text"), "z-index": 9, "arrow-scale": 1.2 } },
      { selector: "edge.named", style: { label: "data(label)" } },
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
    const places = start(ring);
    const { source, target } = ring.edges[0];
    const cy = cytoscape({
      container: byId("ring"), elements: elements(ring, places), style: style(), layout: { name: "preset" },
      minZoom: 0.2, maxZoom: 3, boxSelectionEnabled: false,
    });
    const ends = source === target ? [] : [{ nodeId: source, position: places.get(source) }, { nodeId: target, position: places.get(target) }];
    cy.layout({
      name: "fcose", quality: "proof", randomize: false, animate: false, fit: true, padding: 36, nodeDimensionsIncludeLabels: true,
      idealEdgeLength: 95, nodeRepulsion: 14000, edgeElasticity: 0.3, gravity: 0.2, numIter: 2500, packComponents: false,
      fixedNodeConstraint: ends.length ? ends : undefined,
    }).run();
    cy.on("tap", "node, edge", (event) => focusOn(cy, event.target));
    cy.on("tap", (event) => { if (event.target === cy) clear(cy); });
    byId("fit").addEventListener("click", () => cy.fit(undefined, 36));
    byId("labels").addEventListener("change", (event) => cy.edges().toggleClass("near", event.target.checked));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => cy.style(style()));
    for (const row of document.querySelectorAll("tr[data-edge]")) {
      row.addEventListener("click", () => {
        const name = row.dataset.edge;
        const found = cy.edges().filter((edge) => edge.id() === name || edge.data("facts").some((fact) => fact[1].endsWith(name)));
        if (found.nonempty()) focusOn(cy, found[0].select());
      });
    }
    window.cy = cy; // for tests and the curious
    byId("ring").dataset.nodes = cy.nodes().length;
  }

  fetch(`/api/alerts/${byId("alert").dataset.id}/ring`)
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`status ${answer.status}`))))
    .then((ring) => { legend(ring); draw(ring); })
    .catch((error) => { byId("ring").textContent = `The ring could not be drawn: ${error.message}`; });
})();
