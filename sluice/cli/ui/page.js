"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const number = (count) => count.toLocaleString("en");

  // How old the page is: it does not change, and may stand open for long.
  const age = () => {
    const minutes = Math.floor((Date.now() - Date.parse(data.made)) / 60000);
    const [count, unit] = minutes < 60 ? [minutes, "min"] : minutes < 2880 ? [Math.floor(minutes / 60), "h"] : [Math.floor(minutes / 1440), "days"];
    $("age").textContent = minutes > 0 ? `, ${number(count)} ${unit} ago` : "";
  };
  age();
  setInterval(age, 30000);

  window.addEventListener("beforeprint", () => all("details").forEach((each) => { each.open = true; }));

  // Columns are sorted by a click: by value where a cell has one, else by text.
  const value = (row, column) => {
    const cell = row.children[column];
    const given = cell.dataset.value ?? cell.textContent.trim().replaceAll(",", "");
    return given === "" || given === "—" ? null : Number.isNaN(Number(given)) ? given : Number(given);
  };
  const sort = (head, column, body) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    all("th", head.parentNode).forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const order = (a, b) => {
      const [left, right] = [value(a, column), value(b, column)];
      if (left === null || right === null) return (left === null) - (right === null);
      const found = typeof left === typeof right && typeof left === "number" ? left - right : String(left).localeCompare(String(right));
      return up ? found : -found;
    };
    body.append(...[...body.children].sort(order));
  };
  all("table").forEach((table) => {
    all("thead th", table).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(head, column, table.tBodies[0]));
      head.replaceChildren(button);
    });
  });

  const nodes = new Map(all("#graph .node").map((node) => [node.dataset.table, node]));
  const edges = all("#graph .edge");
  const upstream = new Map([...nodes.keys()].map((name) => [name, []]));
  const downstream = new Map([...nodes.keys()].map((name) => [name, []]));
  (data.edges ?? []).forEach(([begin, end]) => {
    upstream.get(end).push(begin);
    downstream.get(begin).push(end);
  });
  // What is reached in one direction, the nearest first, at most so many.
  const reached = (name, next, most = Infinity) => {
    const found = new Set([name]);
    for (const each of found) for (const other of next.get(each)) if (found.size < most) found.add(other);
    return found;
  };
  const line = (name) => new Set([...reached(name, upstream), ...reached(name, downstream)]);
  const neighbourhood = (name) => {
    const half = Math.floor(data.near / 2);
    return new Set([...reached(name, upstream, half), ...reached(name, downstream, half)]);
  };

  // Draws some of the tables: columns and their order stay, what is between closes up. drawing.py draws them all.
  const draw = (shown) => {
    const { gap, column: between, margin, header } = data.spaces;
    const drawn = (data.edges ?? []).filter(([begin, end]) => shown.has(begin) && shown.has(end));
    const column = new Map();
    data.columns.forEach((items, index) => items.forEach(([of, way]) => way || column.set(of, index)));
    const farthest = new Map();
    drawn.forEach(([begin, end]) => farthest.set(begin, Math.max(farthest.get(begin) ?? 0, column.get(end))));
    const stand = (index) => data.columns[index].filter(([of, way]) => shown.has(of) && (!way || index < (farthest.get(of) ?? 0)));
    const rows = data.columns.map((_, index) => stand(index));
    const tall = (items) => items.reduce((sum, item) => sum + item[3] + gap, -gap);
    const height = Math.max(...rows.map((items) => (items.length ? tall(items) : 0)));
    const places = new Map();
    let x = margin;
    let before = "";
    rows.forEach((items, index) => {
      const head = document.querySelector(`#graph .head[data-column="${index}"]`);
      head.classList.toggle("hidden", !items.length);
      if (!items.length) return;
      head.setAttribute("x", x);
      head.classList.toggle("same", head.dataset.layer === before);
      before = head.dataset.layer;
      const width = items[0][2];
      let y = margin + header + (height - tall(items)) / 2;
      items.forEach(([of, way, , high]) => {
        places.set(`${index} ${of}`, { x, y: y + high / 2, width });
        if (!way) nodes.get(of).setAttribute("transform", `translate(${x} ${y})`);
        y += high + gap;
      });
      x += width + between;
    });
    nodes.forEach((node, name) => node.classList.toggle("hidden", !shown.has(name)));
    edges.forEach((edge) => {
      const { from, to } = edge.dataset;
      const visible = shown.has(from) && shown.has(to);
      edge.classList.toggle("hidden", !visible);
      if (!visible) return;
      const begin = places.get(`${column.get(from)} ${from}`);
      let [right, level, path] = [begin.x + begin.width, begin.y, `M${begin.x + begin.width} ${begin.y}`];
      for (let index = column.get(from) + 1; index <= column.get(to); index += 1) {
        const last = index === column.get(to);
        const place = places.get(`${index} ${last ? to : from}`);
        const half = (right + place.x) / 2;
        path += `C${half} ${level} ${half} ${place.y} ${place.x} ${place.y}${last ? "" : `H${place.x + place.width}`}`;
        [right, level] = [place.x + place.width, place.y];
      }
      edge.setAttribute("d", path);
    });
    $("graph").setAttribute("viewBox", `0 0 ${Math.max(x - between + margin, 1)} ${height + 2 * margin + header}`);
    fit();
  };
  // A graph that is wider than its place shrinks as far as it can still be read; beyond that it is scrolled.
  const fit = () => {
    const { width, height } = $("graph").viewBox.baseVal;
    const scale = Math.min(1, Math.max(0.78, ($("graph").parentNode.clientWidth - 2) / width));
    $("graph").setAttribute("width", width * scale);
    $("graph").setAttribute("height", height * scale);
  };

  const say = (text, action, act) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action;
    button.addEventListener("click", act);
    $("shown").replaceChildren(`${text} `, button);
  };
  let whole = data.near === null;
  let chosen = "";
  const fact = (list, name, text, code = false) => {
    const [term, told] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    const held = code ? document.createElement("code") : told;
    held.textContent = text;
    if (code) told.append(held);
    list.append(term, told);
  };
  const tell = (name) => {
    const [, state, rows, facts] = data.nodes[name];
    const list = document.createElement("dl");
    const title = document.createElement("strong");
    title.textContent = name;
    fact(list, "state", state);
    if (rows !== null) fact(list, "rows", number(rows));
    fact(list, "made from", upstream.get(name).join(", ") || "what arrives");
    if (downstream.get(name).length) fact(list, "read by", downstream.get(name).join(", "));
    facts.forEach(([what, why]) => fact(list, what, why, what === "next"));
    $("details").replaceChildren(title, list);
  };
  const light = () => {
    const lit = chosen ? line(chosen) : null;
    nodes.forEach((node, name) => {
      node.classList.toggle("chosen", name === chosen);
      node.classList.toggle("lit", lit !== null && lit.has(name) && name !== chosen);
      node.classList.toggle("dim", lit !== null && !lit.has(name));
      node.setAttribute("aria-pressed", String(name === chosen));
    });
    edges.forEach((edge) => {
      const on = lit !== null && lit.has(edge.dataset.from) && lit.has(edge.dataset.to);
      edge.classList.toggle("lit", on);
      edge.classList.toggle("dim", lit !== null && !on);
    });
  };
  const everything = () => {
    whole = true;
    draw(new Set(nodes.keys()));
    if (data.near !== null) say(`All ${number(nodes.size)} tables.`, "Only those around one", () => { whole = false; choose(chosen || pressing()); });
  };
  // Scrolls the graph, and not the page, until a table is in its middle.
  const middle = (name) => {
    const canvas = $("graph").parentNode;
    const [box, node] = [canvas.getBoundingClientRect(), nodes.get(name).getBoundingClientRect()];
    canvas.scrollLeft += node.left + node.width / 2 - box.left - box.width / 2;
    canvas.scrollTop += node.top + node.height / 2 - box.top - box.height / 2;
  };
  const choose = (name) => {
    if (!nodes.has(name)) return;
    chosen = name;
    if (!whole) {
      const shown = neighbourhood(name);
      draw(shown);
      middle(name);
      say(`The ${number(shown.size)} tables nearest to ${name}, of ${number(nodes.size)}.`, "Show all", () => { everything(); light(); });
    }
    light();
    tell(name);
  };
  const clear = () => {
    chosen = "";
    light();
    $("details").replaceChildren();
  };
  // Where one has to begin: with what failed, else with what waits, else with what most tables stand on.
  const pressing = () => {
    const weight = (name) => reached(name, downstream).size + reached(name, upstream).size;
    const rank = { failed: 3, held: 2, waits: 1 };
    return [...nodes.keys()].reduce((best, name) => {
      const by = (rank[data.nodes[name][0]] ?? 0) - (rank[data.nodes[best][0]] ?? 0);
      return by > 0 || (by === 0 && weight(name) > weight(best)) ? name : best;
    });
  };
  const remember = (name) => history.replaceState(null, "", name ? `#n-${name}` : location.pathname);
  nodes.forEach((node, name) => {
    const toggle = () => {
      if (name === chosen && whole) { clear(); remember(""); } else { choose(name); remember(name); }
    };
    node.addEventListener("click", toggle);
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle();
    });
    node.addEventListener("pointerenter", () => { if (!chosen) tell(name); });
    node.addEventListener("focus", () => { if (!chosen) tell(name); });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && nodes.size && whole) { clear(); remember(""); }
  });
  const follow = () => {
    const name = decodeURIComponent(location.hash).replace(/^#n-/, "");
    if (!nodes.has(name)) return false;
    choose(name);
    $("graph").parentNode.scrollIntoView({ block: "center" });
    middle(name);
    return true;
  };
  window.addEventListener("hashchange", follow);
  if (nodes.size) {
    fit();
    window.addEventListener("resize", fit);
  }
  if (nodes.size && !follow() && !whole) choose(pressing());

  // The search hides rows, and pales tables of the graph; Enter chooses the first that is found.
  const rows = all("tbody tr");
  const search = () => {
    const words = $("find").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fits = rows.filter((row) => {
      const text = `${row.dataset.table} ${row.textContent}`.toLowerCase();
      const found = words.every((word) => text.includes(word));
      row.hidden = !found;
      return found;
    });
    const names = new Set(fits.map((row) => row.dataset.table));
    if (words.length) nodes.forEach((node, name) => node.classList.toggle("dim", !names.has(name)));
    else light();
    $("found").textContent = words.length ? `${number(fits.length)} of ${number(rows.length)}` : "";
    return fits.map((row) => row.dataset.table).find((name) => nodes.has(name));
  };
  $("find").addEventListener("input", search);
  $("find").addEventListener("keydown", (event) => {
    const first = event.key === "Enter" ? search() : undefined;
    if (first) { choose(first); remember(first); }
  });
})();
