// Changes the shown elements into new ones and touches only what differs: selected text stays selected, and the focus
// stays where it is. Two elements with the same id or data-key are the same element, wherever they are.

const HANDLERS = ["onclick", "onkeydown"];

// Placeholder for the element with this key, which stays unchanged.
export class Same {
  constructor(key) {
    this.key = key;
  }
}

const keyOf = (node) => (node instanceof Same ? node.key : node.dataset?.key || node.id || "");

const alike = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName;

export function patch(place, nodes) {
  const fresh = nodes
    .filter((each) => each !== null && each !== undefined && each !== "")
    .map((each) => (each instanceof Node || each instanceof Same ? each : document.createTextNode(each)));
  const wanted = new Set(fresh.map(keyOf));
  const known = new Map();
  for (const each of [...place.childNodes]) {
    const key = keyOf(each);
    if (key && !wanted.has(key)) each.remove();
    else if (key) known.set(key, each);
  }
  const focused = document.activeElement;
  let next = place.firstChild;
  for (const node of fresh) {
    const key = keyOf(node);
    const old = key ? known.get(key) : next && !keyOf(next) ? next : null;
    if (node instanceof Same) {
      if (old === next) next = next.nextSibling;
      else place.insertBefore(old, next);
    } else if (!old || !alike(old, node)) place.insertBefore(node, next);
    else {
      if (old === next) next = next.nextSibling;
      else place.insertBefore(old, next);
      update(old, node);
    }
  }
  while (next) {
    const left = next;
    next = next.nextSibling;
    left.remove();
  }
  // An element loses the focus when it is moved.
  if (focused !== document.activeElement && place.contains(focused)) focused.focus({ preventScroll: true });
}

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function update(old, node) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== node.data) old.data = node.data;
    return;
  }
  // What a person has unfolded stays unfolded.
  const kept = old.nodeName === "DETAILS" ? "open" : "";
  for (const { name } of [...old.attributes]) if (name !== kept && !node.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of node.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const each of HANDLERS) old[each] = node[each];
  patch(old, [...node.childNodes]);
}
