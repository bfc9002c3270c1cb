// Runs in every frame before the page's own scripts, and tracks the page's pending work. It only counts: arguments, `this`,
// results and errors stay those of the browser's own functions (a Proxy also keeps name, length and static members).
// An error in this script must never reach the page: counting is guarded, and falls back to not counting.
(() => {
  'use strict';
  const NAME = Symbol.for('%NAME%');
  if (window[NAME]) { window[NAME].renew(); return; }

  const HORIZON = 10000; // one-shot timers due within this many ms are awaited; work that recurs less often counts as idle
  const SELDOM = 1500;
  const RUNS = 3; // as in quiet.py
  const { apply, construct, defineProperty, getOwnPropertyDescriptor } = Reflect;
  const NativePromise = Promise;
  const then = Promise.prototype.then;
  const listen = EventTarget.prototype.addEventListener;
  const captureStack = Error.captureStackTrace;
  const later = window.setTimeout;
  const cancel = window.clearTimeout;
  const paint = window.requestAnimationFrame;
  const NativeChannel = MessageChannel;
  const clock = performance;
  const now = clock.now;
  const time = () => apply(now, clock, []);
  const on = (target, name, handle) => apply(listen, target, [name, handle, { passive: true }]);
  const after = (promise, handle) => { apply(then, promise, [handle, handle]); };
  const guarded = (action, otherwise) => { try { return action(); } catch { return otherwise; } };
  const short = (text) => {
    let sum = 0;
    for (let at = 0; at < text.length && at < 5000; at++) sum = (sum * 31 + text.charCodeAt(at)) | 0;
    return (sum >>> 0).toString(36);
  };

  // --- tokens: one for each piece of pending work ---------------------------------------------------------------------

  const tokens = new Set();
  const waiting = new Set();
  let activity = 0; // increases when finite work begins or ends, and with every message
  let epoch = 0; // increases with every change, or new kind of request, that is new
  let newsAt = time();
  let changes = 0;

  const begin = (kind, more) => {
    const token = { kind, at: time(), ...more };
    tokens.add(token);
    if (!token.recurs) activity++;
    return token;
  };
  const end = (token) => {
    if (token && tokens.delete(token)) {
      if (!token.recurs) activity++;
      if (waiting.size) hop(() => { for (const attempt of [...waiting]) attempt(); });
    }
  };
  const news = () => { epoch++; newsAt = time(); };

  const channel = new NativeChannel();
  const hops = [];
  channel.port1.onmessage = () => hops.shift()?.();
  const sendHop = channel.port2.postMessage.bind(channel.port2);
  // Runs an action in a task of its own, after the page's pending microtasks.
  const hop = (action) => { hops.push(action); sendHop(0); };

  // --- recurring sources, identified by the code that starts them and their interval -----------------------------------

  const sources = new Map();
  const known = new WeakMap();

  const stackOf = (above) => {
    const was = getOwnPropertyDescriptor(Error, 'prepareStackTrace');
    const limit = Error.stackTraceLimit;
    try {
      if (was) delete Error.prepareStackTrace;
      Error.stackTraceLimit = 12;
      const holder = {};
      captureStack(holder, above);
      return String(holder.stack);
    } catch {
      return '';
    } finally {
      guarded(() => { Error.stackTraceLimit = limit; if (was) defineProperty(Error, 'prepareStackTrace', was); });
    }
  };
  const LITERALS = /(["'`])(?:\\.|(?!\1).)*\1|\d+/g; // parts of an inline script that may vary with the order
  const sourceOf = (kind, action, period, above) => {
    const same = typeof action === 'function' ? known.get(action) : undefined;
    if (same && same.kind === kind && same.period === period) return same;
    const stack = stackOf(above);
    const key = kind + ' ' + period + stack;
    let source = sources.get(key);
    if (!source) {
      source = { kind, period, stack, action: guarded(() => short(String(action).replace(LITERALS, '#')), ''), total: 0, runs: 0, epoch, running: 0 };
      if (sources.size > 5000) sources.clear();
      sources.set(key, source);
    }
    if (typeof action === 'function') known.set(action, source);
    return source;
  };
  const runsOf = (source) => (source.epoch === epoch ? source.runs : 0);
  const ran = (source) => {
    source.runs = runsOf(source) + 1;
    source.epoch = epoch;
    source.total++;
  };

  // Whether work from this source recurs: it was started by its own callback, or its interval is too long for one piece of
  // work, or it ran often without any news.
  const isAgain = (source) =>
    source.running > 0 || (source.total > 0 && source.period > SELDOM) || runsOf(source) >= RUNS;

  // Whether a token is work that ends by itself, so that waiting for it makes sense.
  const doesEnd = (token) => {
    if (token.doubt || token.recurs) return false;
    if (token.request) return runsOf(token.request) < RUNS;
    return true;
  };
  const isBusy = () => {
    if (document.readyState !== 'complete') return true;
    for (const token of tokens) if (doesEnd(token)) return true;
    return coming().some((one) => time() - one.at < HORIZON);
  };

  const patch = (owner, name, handler) => guarded(() => {
    const is = owner && getOwnPropertyDescriptor(owner, name);
    if (!is || typeof is.value !== 'function') return;
    defineProperty(owner, name, { ...is, value: new Proxy(is.value, handler) });
  });
  // Calls the browser's own function and counts until its promise settles.
  const promised = (owner, names, kind, about) => {
    for (const name of names) patch(owner, name, {
      apply(target, self, given) {
        const result = apply(target, self, given);
        guarded(() => {
          const token = begin(kind, about && guarded(() => about(self, given)));
          after(result, () => end(token));
        });
        return result;
      },
    });
  };
  // Counts from a call until one of several events on its result, or on the object it was called on.
  const evented = (owner, names, kind, ends, onResult) => {
    for (const name of names) patch(owner, name, {
      apply(target, self, given) {
        const token = guarded(() => begin(kind));
        let result;
        try {
          result = apply(target, self, given);
        } catch (error) {
          end(token);
          throw error;
        }
        guarded(() => { for (const event of ends) on(onResult ? result : self, event, () => end(token)); });
        return result;
      },
    });
  };

  //%PARTS%

  // --- report ---------------------------------------------------------------------------------------------------------

  const whereOf = (source) => {
    const page = document.URL.split('#')[0];
    const places = [];
    for (const line of source.stack.split('\n').slice(1)) {
      const place = line.match(/((?:https?|blob|file):[^\s()]+?):(\d+:\d+)\)?$/);
      if (place) places.push([place[1] === page ? '' : place[1].split(/[?#]/)[0], place[1] === page ? '' : place[2]]);
    }
    const [url, position] = places[0] || ['', ''];
    // Line numbers of the page itself vary with the order, and blob addresses with the visit.
    const trail = places.map(([at, where]) => (at.startsWith('blob:') ? where : at + where)).join(' ');
    return { url, position, trail: short(trail + (url ? '' : source.action)) };
  };
  const snapshot = () => {
    read(observer.takeRecords());
    seekRoots();
    observe(document); // the document may have been replaced
    const at = time();
    const told = [];
    const again = new Map();
    for (const token of tokens) {
      if (token.element && !token.element.isConnected && token.kind === 'frame') { end(token); continue; }
      if (token.recurs && token.source) { again.set(token.source, token); continue; }
      if (token.recurs) continue;
      const repeats = token.request && !doesEnd(token) ? runsOf(token.request) : 0;
      told.push({
        kind: token.kind, method: token.method || '', url: token.url || '', age: (at - token.at) / 1000, repeats,
        answered: token.answered !== undefined || token.kind === 'body' || token.kind === 'stream',
        stream: Boolean(token.stream), doubt: Boolean(token.doubt),
      });
    }
    for (const [worker, is] of workers) told.push({
      kind: 'worker', method: '', url: is.url, age: (at - is.at) / 1000, repeats: 0, answered: false, stream: false,
      doubt: true, owed: is.owed > 0, sent: Boolean(is.sent),
    });
    for (const one of coming()) told.push({
      kind: 'picture', method: '', url: one.url, age: (at - one.at) / 1000, repeats: 0, answered: false, stream: false,
      doubt: false,
    });
    if (animations()) told.push({ kind: 'animation', method: '', url: '', age: 0, repeats: 0, answered: false, stream: false, doubt: false });
    const recurring = [];
    for (const [source, token] of again) {
      // A one-shot timer that is due much later does not run while anybody waits.
      if (token.once && source.period > HORIZON) continue;
      recurring.push({ kind: source.kind, period: source.period / 1000, runs: runsOf(source), ...whereOf(source) });
    }
    const refresh = refreshes();
    if (refresh !== null && refresh <= HORIZON && at < refresh + 5000) {
      told.push({ kind: 'refresh', method: '', url: '', age: 0, repeats: 0, answered: false, stream: false, doubt: false });
    }
    const sending = [];
    for (const [made, is] of senders) {
      if (guarded(() => is.isClosed(made), false)) senders.delete(made);
      else sending.push({ kind: is.kind, url: is.url });
    }
    return {
      id, state: document.readyState, told, recurring, sending, changes, calm: (at - newsAt) / 1000, activity,
      age: at / 1000,
    };
  };
  // Resolves once no finite work is pending, or after this many milliseconds.
  const settled = (limit) => new NativePromise((resolve) => {
    let isDone = false;
    const finish = () => {
      if (isDone) return;
      isDone = true;
      cancel.call(window, timer);
      waiting.delete(attempt);
      resolve(snapshot());
    };
    const attempt = () => {
      if (isDone) return;
      read(observer.takeRecords());
      if (isBusy()) { waiting.add(attempt); return; }
      waiting.delete(attempt);
      const before = activity;
      const still = (left) => hop(() => {
        if (isDone) return;
        if (activity !== before || isBusy()) attempt();
        else if (left) still(left - 1);
        else finish();
      });
      still(3);
    };
    const timer = later.call(window, finish, limit);
    attempt();
  });
  const changedFrom = (count, limit) => new NativePromise((resolve) => {
    const until = time() + limit;
    const look = () => {
      read(observer.takeRecords());
      if (changes !== count || time() >= until) resolve(snapshot());
      else later.call(window, look, 20);
    };
    look();
  });
  const loaded = () => {
    on(document, 'readystatechange', () => {
      activity++;
      if (waiting.size) hop(() => { for (const attempt of [...waiting]) attempt(); });
    });
  };

  let id = Math.random().toString(36).slice(2);
  const renew = () => {
    id = Math.random().toString(36).slice(2);
    sought = null;
    observe(document);
    loaded();
    for (const token of [...tokens]) if (token.element) end(token);
  };
  defineProperty(window, NAME, { configurable: true, value: Object.freeze({ settled, snapshot, changedFrom, renew }) });
  observe(document);
  loaded();
})();
