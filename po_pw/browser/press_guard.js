// Runs in every document before its own scripts. It does nothing until a press begins. From then on, until the page is
// left, it holds back what Playwright's `route` does not see, or changes it so that `route` sees it.
(() => {
  const KEY = Symbol.for('po-pw.press');
  const ON = Symbol.for('po-pw.pressing');
  if (globalThis[KEY]) return;
  const state = {
    held: [], names: {}, expected: null, changed: false, moved: false, samePage: false, leaving: false, last: '', awaited: false,
  };
  const pressing = () => globalThis[ON] === true;
  const note = (what, url) => { if (state.held.length < 100) state.held.push([what, String(url || '')]); };

  const wrap = (owner, name, traps) => {
    const original = owner && owner[name];
    if (typeof original !== 'function') return;
    const how = Object.getOwnPropertyDescriptor(owner, name) || { writable: true, configurable: true, enumerable: true };
    if (how.configurable && 'value' in how || !Object.hasOwn(owner, name)) {
      Object.defineProperty(owner, name, { ...how, value: new Proxy(original, traps) });
    }
  };
  // Messages that leave the page without a request.
  const ports = new WeakSet();
  const silence = (owner, name, what, answer, applies = () => true) => wrap(owner, name, {
    apply(target, self, args) {
      if (!pressing() || !applies(self)) return Reflect.apply(target, self, args);
      note(what, self && (self.url || self.name));
      return answer;
    },
  });
  silence(globalThis.WebSocket && WebSocket.prototype, 'send', 'WEBSOCKET');
  silence(globalThis.RTCDataChannel && RTCDataChannel.prototype, 'send', 'WEBRTC');
  silence(globalThis.BroadcastChannel && BroadcastChannel.prototype, 'postMessage', 'BROADCAST');
  silence(globalThis.MessagePort && MessagePort.prototype, 'postMessage', 'SHAREDWORKER', undefined, (port) => ports.has(port));
  silence(globalThis, 'fetchLater', 'FETCHLATER', Object.freeze({ activated: false }));
  const refuse = (name, what, made = () => undefined) => wrap(globalThis, name, {
    construct(target, args, self) {
      if (pressing()) {
        note(what, args[0]);
        throw new DOMException(`${name} is not allowed here`, 'SecurityError');
      }
      const one = Reflect.construct(target, args, self);
      made(one);
      return one;
    },
  });
  refuse('WebSocket', 'WEBSOCKET');
  refuse('WebSocketStream', 'WEBSOCKET');
  refuse('WebTransport', 'WEBTRANSPORT');
  refuse('SharedWorker', 'SHAREDWORKER', (worker) => ports.add(worker.port));

  // `route` does not hold a beacon that is sent while the page is being left (Chromium 156). So the page's scripts are not
  // told that it is being left, and no request that outlives it can start.
  for (const type of ['beforeunload', 'pagehide', 'unload', 'visibilitychange', 'freeze', 'pageswap']) {
    addEventListener(type, (event) => { if (pressing()) event.stopImmediatePropagation(); }, true);
  }
  const beacon = Navigator.prototype.sendBeacon;
  addEventListener('securitypolicyviolation', (event) => {
    if (!event.isTrusted || event.disposition !== 'enforce' || event.effectiveDirective !== 'connect-src') return;
    if (event.blockedURI && state.last.startsWith(event.blockedURI)) state.awaited = false;
  }, true);
  const last = (owner, name, what, answer) => wrap(owner, name, {
    apply(target, self, args) {
      if (!state.leaving) return Reflect.apply(target, self, args);
      note(what, args[0]);
      return answer();
    },
  });
  last(Navigator.prototype, 'sendBeacon', 'BEACON', () => true);
  last(globalThis, 'fetch', 'FETCH', () => new Promise(() => undefined));

  // `route` never sees the request of a link with `download`: the attribute is removed, and its file name is stored.
  const undress = (link) => {
    if (!pressing() || !(link instanceof Element) || !/^(a|area)$/.test(link.localName) || !link.hasAttribute('download')) return;
    if (!/^https?:/i.test(link.href)) return;
    state.names[link.href.split('#')[0]] = link.getAttribute('download');
    link.removeAttribute('download');
  };
  // `route` does not see prefetch hints either.
  const HINTS = /\b(prefetch|prerender)\b|^speculationrules$/i;
  const hinting = (element, value) => {
    if (!pressing() || !HINTS.test(String(value))) return false;
    note('HINT', element.href);
    return true;
  };
  for (const [owner, name] of [[HTMLLinkElement.prototype, 'rel'], [HTMLScriptElement.prototype, 'type']]) {
    const how = Object.getOwnPropertyDescriptor(owner, name);
    if (!how || !how.set) continue;
    Object.defineProperty(owner, name, { ...how, set: new Proxy(how.set, {
      apply(target, self, args) { return hinting(self, args[0]) ? undefined : Reflect.apply(target, self, args); },
    }) });
  }
  wrap(Element.prototype, 'setAttribute', {
    apply(target, self, args) {
      const isHint = /^(rel|type)$/i.test(args[0]) && /^(link|script)$/.test(self.localName) && hinting(self, args[1]);
      return isHint ? undefined : Reflect.apply(target, self, args);
    },
  });
  // Opens a form's response in this page, where it is awaited, and not in a new one.
  const keepHere = (form, submitter) => {
    if (!pressing() || !state.samePage) return;
    for (const node of [form, submitter]) {
      if (node instanceof Element) { node.removeAttribute('target'); node.removeAttribute('formtarget'); }
    }
  };
  const before = (owner, name, act) => wrap(owner, name, {
    apply(target, self, args) { act(self, args); return Reflect.apply(target, self, args); },
  });
  before(HTMLElement.prototype, 'click', (self) => undress(self));
  before(EventTarget.prototype, 'dispatchEvent', (self, [event]) => { if (event && event.type === 'click') undress(self); });
  before(HTMLFormElement.prototype, 'submit', (self) => keepHere(self));
  for (const capture of [true, false]) {
    addEventListener('submit', (event) => keepHere(event.target, event.submitter), capture);
    addEventListener('click', (event) => { for (const node of event.composedPath()) undress(node); }, capture);
  }

  // A press reaches only the control that was described and allowed, in the state that was described.
  for (const type of ['pointerdown', 'mousedown', 'click']) {
    addEventListener(type, (event) => {
      const expected = state.expected;
      if (!expected || !event.isTrusted) return;
      if (type === 'click') state.expected = null;
      const isHit = event.composedPath().includes(expected.element);
      if (!state.changed && !state.moved && isHit && expected.now() === expected.then) return;
      state[isHit ? 'changed' : 'moved'] = true;
      event.preventDefault();
      event.stopImmediatePropagation();
    }, true);
  }
  Object.defineProperty(globalThis, KEY, { value: {
    begin(samePage) { globalThis[ON] = true; Object.assign(state, { held: [], names: {}, expected: null, changed: false, moved: false, samePage }); },
    // From now on a press is allowed only while `now()` returns the same as at this moment.
    expect(element, now) { state.expected = { element, now, then: now() }; },
    forget() { state.expected = null; },
    prepare(element) {
      undress(element.closest('a,area'));
      keepHere(element.form || element.closest('form'), element);
      if (state.samePage && element.closest('a')) element.closest('a').removeAttribute('target');
    },
    // Sends one last beacon and nothing after it. It is held like all requests: once it arrives, everything sent before it
    // has arrived. `again`: sends it once more, in case the first was lost. Returns whether to wait for it; false if the page's
    // policy forbids beacons.
    leave(last, again) {
      const isFirst = !state.leaving;
      if (isFirst) Object.assign(state, { leaving: true, last: location.origin + last, awaited: /^https?:/.test(location.protocol) });
      if (state.awaited && (isFirst || again)) {
        const isSent = Reflect.apply(beacon, navigator, [state.last]);
        if (isFirst && !isSent) state.awaited = false;
      }
      return state.awaited;
    },
    report() { return { held: state.held, names: state.names, changed: state.changed, moved: state.moved }; },
  } });
})();
