// A part of quiet.js, in its scope: changes of the document, and what the document itself still loads.
// --- the document ------------------------------------------------------------------------------------------------------

const shapes = new WeakMap(); // by element: the shapes of its text, children and attributes seen so far
const MOST = 12;
// Whether a change repeats an earlier one of the same element: a clock, a blinking cursor, a progress bar.
const isTick = (element, what, before, shape) => {
  let seen = shapes.get(element);
  if (!seen) shapes.set(element, (seen = new Map()));
  let here = seen.get(what);
  if (!here) seen.set(what, (here = new Set()));
  const isFirst = here.size === 0;
  if (before !== undefined) here.add(before);
  const isSeen = here.has(shape);
  if (here.size < MOST) here.add(shape);
  return !isFirst && (isSeen || here.size >= MOST);
};
const textShape = (text) => String(text || '').slice(0, 300).replace(/\p{N}+/gu, '#').replace(/[\s.…:]+/gu, ' ').trim();
const tree = (nodes) => {
  let shape = '';
  const walk = (node, depth) => {
    if (shape.length > 2000) return;
    if (node.nodeType !== 1) return;
    shape += '<' + node.localName;
    if (depth < 12) for (const child of node.childNodes) walk(child, depth + 1);
    shape += '>';
  };
  for (const node of nodes) walk(node, 0);
  return shape;
};
const texts = (nodes) => Array.from(nodes, (node) => node.textContent).join('');
const hasElement = (nodes) => Array.prototype.some.call(nodes, (node) => node.nodeType === 1);

const started = new WeakSet();
const JAVASCRIPT = /^$|^module$|(java|ecma)script/i;
const starts = (element) => guarded(() => {
  const isScript = element.localName === 'script';
  const address = isScript ? element.src : element.getAttribute('src') || (element.srcdoc ? 'about:srcdoc' : '');
  if (!address || typeof address !== 'string' || started.has(element)) return;
  if (isScript) {
    if (!JAVASCRIPT.test(element.type) || (element.noModule && element.type !== 'module')) return;
  } else if (/^(about:blank|javascript:)/i.test(address) || element.loading === 'lazy') return;
  started.add(element);
  const url = isScript ? address : guarded(() => new URL(address, document.baseURI).href, address);
  const token = begin(isScript ? 'script' : 'frame', { url, element });
  on(element, 'load', () => end(token));
  on(element, 'error', () => end(token));
});
// Images, videos and links that a script waits for. Others do not count, since a page may contain some that never load.
const awaited = new Map();
const COMES = /^(load|error|loadeddata|loadedmetadata|canplay|canplaythrough)$/;
const isComing = (element) => {
  if (element.localName === 'img') return Boolean(element.currentSrc || element.src) && !element.complete && (element.loading !== 'lazy' || element.isConnected === false);
  if (element.localName === 'link') return element.isConnected && Boolean(element.href) && /preload|stylesheet|prefetch/i.test(element.rel) && !awaited.get(element).came;
  return element.networkState === 2 && element.readyState === 0; // a video of which nothing is loaded yet
};
const WAKES = ['load', 'error', 'loadedmetadata'];
const awaits = (element) => guarded(() => {
  if (awaited.has(element)) return;
  const is = { came: false, at: 0 };
  awaited.set(element, is);
  for (const name of WAKES) on(element, name, () => {
    is.came = name !== 'loadedmetadata';
    activity++;
    if (waiting.size) hop(() => { for (const attempt of [...waiting]) attempt(); });
  });
  if (awaited.size > 500) for (const [other] of awaited) if (!isComing(other)) awaited.delete(other);
});
const coming = () => guarded(() => {
  const found = [];
  for (const [element, is] of awaited) {
    if (!isComing(element)) { is.at = 0; continue; }
    is.at = is.at || time();
    found.push({ url: element.currentSrc || element.src || element.href || '', at: is.at });
  }
  return found;
}, []);
const BRINGS = [window.HTMLImageElement, window.HTMLMediaElement, window.HTMLLinkElement];
patch(EventTarget.prototype, 'addEventListener', {
  apply(target, self, given) {
    const result = apply(target, self, given);
    if (COMES.test(given[0]) && BRINGS.some((kind) => self instanceof kind)) awaits(self);
    return result;
  },
});
for (const name of ['onload', 'onerror', 'onloadeddata', 'onloadedmetadata', 'oncanplay', 'oncanplaythrough']) guarded(() => {
  const is = getOwnPropertyDescriptor(HTMLElement.prototype, name);
  defineProperty(HTMLElement.prototype, name, {
    ...is,
    set: new Proxy(is.set, {
      apply(target, self, given) {
        if (given[0] && BRINGS.some((kind) => self instanceof kind)) awaits(self);
        return apply(target, self, given);
      },
    }),
  });
});
if (window.HTMLImageElement) promised(HTMLImageElement.prototype, ['decode'], 'picture');
guarded(() => {
  const ready = getOwnPropertyDescriptor(FontFaceSet.prototype, 'ready');
  defineProperty(FontFaceSet.prototype, 'ready', {
    ...ready,
    get: new Proxy(ready.get, {
      apply(target, self, given) {
        const result = apply(target, self, given);
        guarded(() => { const token = begin('fonts'); after(result, () => end(token)); });
        return result;
      },
    }),
  });
});
const find = (node) => {
  if (node.nodeType !== 1) return;
  const name = node.localName;
  if (name === 'script' || name === 'iframe' || name === 'frame') starts(node);
  else if (name === 'img' && node.onload) awaits(node);
  else if (node.firstElementChild) for (const inner of node.querySelectorAll('script[src],iframe,frame,img[onload]')) inner.localName === 'img' ? awaits(inner) : starts(inner);
};
const read = (records) => guarded(() => {
  const isParsing = document.readyState === 'loading';
  let isNews = false;
  let counted = 0;
  for (const record of records) {
    const { target, type, addedNodes, removedNodes } = record;
    if (type === 'childList') for (const node of addedNodes) find(node);
    if (type === 'attributes' && record.attributeName === 'src' && /^(script|iframe|frame)$/.test(target.localName)) {
      if (target.localName !== 'script') started.delete(target);
      starts(target);
    }
    if (isParsing || records.length > 1000) {
      isNews = true;
      counted++;
      continue;
    }
    let tick = false;
    if (type === 'attributes') {
      const was = record.oldValue;
      const is = target.getAttribute(record.attributeName);
      if (was === is) continue;
      tick = isTick(target, '@' + record.attributeName, textShape(was), textShape(is));
    } else if (type === 'characterData') {
      if (record.oldValue === target.data) continue;
      tick = isTick(target.parentNode || target, 'text', textShape(record.oldValue), textShape(target.data));
    } else if (hasElement(addedNodes) || hasElement(removedNodes)) {
      const was = tree(removedNodes);
      tick = was !== '' && was === tree(addedNodes) && isTick(target, 'tree', was, was);
    } else {
      const was = removedNodes.length ? textShape(texts(removedNodes)) : undefined;
      tick = isTick(target, 'text', was, textShape(texts(addedNodes)));
    }
    if (!tick) {
      isNews = true;
      counted++;
    }
  }
  changes += counted;
  if (isNews) news();
});
const observer = new MutationObserver(read);
const EVERYTHING = { subtree: true, childList: true, attributes: true, attributeOldValue: true, characterData: true, characterDataOldValue: true };
const observe = (root) => guarded(() => observer.observe(root, EVERYTHING));
patch(Element.prototype, 'attachShadow', {
  apply(target, self, given) {
    const root = apply(target, self, given);
    observe(root);
    return root;
  },
});
let sought = null;
const seekRoots = () => { // shadow roots from the document's source, for which no script call is seen
  if (sought === document || document.readyState !== 'complete') return;
  sought = document;
  for (const element of document.querySelectorAll('*')) if (element.shadowRoot) observe(element.shadowRoot);
};

on(window, 'message', () => { activity++; });
if (window.navigation) {
  let going = null;
  on(navigation, 'navigate', (event) => guarded(() => {
    const { destination } = event;
    if (event.hashChange || event.downloadRequest != null || destination.sameDocument) return;
    if (!/^https?:/i.test(destination.url)) return;
    const token = begin('navigation', { url: destination.url });
    going = token;
    hop(() => { if (event.defaultPrevented) end(token); });
    later.call(window, () => end(token), 3000); // the response was not a page
  }));
  for (const name of ['navigatesuccess', 'navigateerror']) on(navigation, name, () => end(going));
}

const moving = new WeakMap();
const TOLD_WITHIN = 1500; // the page learns of an animation's end with a later frame, and frames may be rare
let toldBy = 0;
const animations = () => guarded(() => {
  let count = 0;
  for (const animation of document.getAnimations()) {
    if (animation.playState !== 'running') continue;
    const { endTime } = animation.effect?.getComputedTiming() || {}; // includes the delay before the start
    if (!(endTime < HORIZON)) continue;
    if (!moving.has(animation)) moving.set(animation, time());
    if (time() - moving.get(animation) < endTime + 500) count++;
  }
  if (count) {
    toldBy = Infinity;
  } else if (toldBy === Infinity) {
    toldBy = time() + TOLD_WITHIN;
    paint.call(window, () => hop(() => { toldBy = 0; }));
  }
  return count || (time() < toldBy ? 1 : 0);
}, 0);
const refreshes = () => guarded(() => {
  const meta = document.querySelector('meta[http-equiv="refresh" i]');
  const seconds = meta ? parseFloat(meta.content) : NaN;
  return Number.isFinite(seconds) ? seconds * 1000 : null;
}, null);
