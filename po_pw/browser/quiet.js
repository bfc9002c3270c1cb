// Runs in every frame before the page's own scripts, and knows what the page still has going. It only counts: arguments,
// `this`, results and errors stay those of the browser's own functions (a Proxy also keeps name, length and statics).
// A fault in here must never become the page's: what counts is guarded, and falls back to not counting.
(() => {
  'use strict';
  const NAME = Symbol.for('%NAME%');
  if (window[NAME]) { window[NAME].renew(); return; }

  const HORIZON = 10000; // one-shot timers due within so many ms are waited for; what recurs less often counts as idle
  const { apply, construct, defineProperty, getOwnPropertyDescriptor } = Reflect;
  const NativePromise = Promise;
  const then = Promise.prototype.then;
  const listen = EventTarget.prototype.addEventListener;
  const captureStack = Error.captureStackTrace;
  const later = window.setTimeout;
  const cancel = window.clearTimeout;
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

  // --- tokens: one for each thing that is under way ------------------------------------------------------------------

  const tokens = new Set();
  const waiting = new Set();
  let activity = 0; // moves with every beginning and end of what ends, and every message
  let epoch = 0; // moves with every change, or new kind of request, that is news
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
  // A task of its own, after all that the page has in its microtasks by now.
  const hop = (action) => { hops.push(action); sendHop(0); };

  // --- recurring sources, known by who arms them and how often ---------------------------------------------------------

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
  const LITERALS = /(["'`])(?:\\.|(?!\1).)*\1|\d+/g; // what may vary with the order in a script that is part of its page
  const sourceOf = (kind, action, period, above) => {
    const same = typeof action === 'function' ? known.get(action) : undefined;
    if (same && same.kind === kind && same.period === period) return same;
    const stack = stackOf(above);
    const key = kind + ' ' + period + stack;
    let source = sources.get(key);
    if (!source) {
      source = { kind, period, stack, action: guarded(() => short(String(action).replace(LITERALS, '#')), ''), total: 0, runs: 0, epoch, gone: false };
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

  // Whether a token is work that ends by itself, so that waiting for it makes sense.
  const doesEnd = (token) => {
    if (token.doubt || token.recurs) return false;
    if (token.request) return runsOf(token.request) < 3;
    return true;
  };
  const isBusy = () => {
    if (document.readyState !== 'complete') return true;
    for (const token of tokens) if (doesEnd(token)) return true;
    return false;
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
  // Counts from a call to one of several events on what it gives, or on what it was called.
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

  // --- timers and frames ---------------------------------------------------------------------------------------------

  const timers = new Map();
  const runs = (token, action, self, given) => {
    if (token.source) ran(token.source);
    if (!token.recurs) activity++;
    try {
      return apply(action, self, given);
    } finally {
      if (token.kind !== 'interval') end(token);
    }
  };
  const oneShot = (kind, delayOf, map) => {
    const handler = {
      apply(target, self, given) {
        const [action, ...others] = given;
        if (typeof action !== 'function') {
          const id = apply(target, self, given);
          guarded(() => {
            if (typeof action !== 'string') return;
            const token = begin(kind, { recurs: delayOf(given) > HORIZON });
            token.id = id;
            later.call(window, () => end(token), delayOf(given)); // set after it, so it runs after it
            map.set(id, token);
          });
          return id;
        }
        const token = guarded(() => {
          const period = delayOf(given);
          const source = sourceOf(kind, action, period, handler.apply);
          return begin(kind, { source, recurs: source.total > 0 || period > HORIZON, once: source.total === 0 });
        });
        if (!token) return apply(target, self, given);
        const wrapped = function (...passed) {
          map.delete(token.id);
          return runs(token, action, this, passed);
        };
        let id;
        try {
          id = apply(target, self, [wrapped, ...others]);
        } catch (error) {
          end(token);
          throw error;
        }
        token.id = id;
        map.set(id, token);
        return id;
      },
    };
    return handler;
  };
  const cancels = (name, map) => patch(window, name, {
    apply(target, self, given) {
      const token = guarded(() => map.get(given[0]) || map.get(Number(given[0])));
      if (token) {
        map.delete(token.id);
        end(token);
      }
      return apply(target, self, given);
    },
  });
  const delay = (given) => Math.max(0, Number(given[1]) || 0);
  patch(window, 'setTimeout', oneShot('timer', delay, timers));
  const interval = {
    apply(target, self, given) {
      const [action, ...others] = given;
      const token = guarded(() => {
        const period = delay(given);
        return begin('interval', { source: sourceOf('interval', action, period, interval.apply), recurs: true });
      });
      if (!token) return apply(target, self, given);
      const wrapped = typeof action === 'function'
        ? function (...passed) { return runs(token, action, this, passed); } : action;
      const id = apply(target, self, [wrapped, ...others]);
      token.id = id;
      timers.set(id, token);
      return id;
    },
  };
  patch(window, 'setInterval', interval);
  cancels('clearTimeout', timers);
  cancels('clearInterval', timers);
  const frames = new Map();
  patch(window, 'requestAnimationFrame', oneShot('frame callback', () => 0, frames));
  cancels('cancelAnimationFrame', frames);
  const idles = new Map();
  patch(window, 'requestIdleCallback', oneShot('idle callback', () => 0, idles));
  cancels('cancelIdleCallback', idles);
  if (window.Scheduler) {
    promised(Scheduler.prototype, ['postTask'], 'task', (_, given) => ({ recurs: given[1]?.delay > HORIZON }));
    promised(Scheduler.prototype, ['yield'], 'task');
  }

  // --- requests ------------------------------------------------------------------------------------------------------

  const requests = new Map();
  const BUSTER = /^(_|_?t|ts|time|_?timestamp|cb|cachebust(er)?|nocache|no-cache|rnd|rand|random|r|nonce)$/i;
  const unbusted = (url) => guarded(() => {
    const address = new URL(url, document.baseURI);
    for (const name of [...address.searchParams.keys()]) if (BUSTER.test(name)) address.searchParams.delete(name);
    address.hash = '';
    return address.href;
  }, String(url));
  const asked = (kind, method, url, body) => {
    method = String(method || 'GET').toUpperCase();
    const address = unbusted(url);
    const key = method + ' ' + address + (typeof body === 'string' ? ' ' + short(body) : '');
    let request = requests.get(key);
    if (!request) {
      request = { total: 0, runs: 0, epoch };
      requests.set(key, request);
      news();
    }
    const token = begin(kind, { request, method, url: address });
    token.done = () => { if (tokens.has(token)) ran(request); end(token); };
    return token;
  };
  const addressOf = (what) => {
    if (typeof what === 'string') return what;
    if (what instanceof URL) return what.href;
    return what instanceof Request ? what.url : '';
  };

  const answers = new WeakMap();
  const streams = new WeakMap();
  patch(window, 'fetch', {
    apply(target, self, given) {
      const token = guarded(() => {
        const [what, how] = given;
        const method = (how && how.method) || (what instanceof Request ? what.method : 'GET');
        return asked('fetch', method, addressOf(what), how && how.body);
      });
      let result;
      try {
        result = apply(target, self, given);
      } catch (error) {
        end(token);
        throw error;
      }
      if (token) guarded(() => apply(then, result, [
        (answer) => {
          guarded(() => {
            const type = answer.headers.get('content-type') || '';
            const isStream = /event-stream|x-mixed-replace/i.test(type);
            answers.set(answer, { method: token.method, url: token.url, isStream });
          });
          token.done();
        },
        () => token.done(),
      ]));
      return result;
    },
  });
  const bodies = ['json', 'text', 'arrayBuffer', 'blob', 'formData', 'bytes'];
  promised(Response.prototype, bodies, 'body', (answer) => {
    const is = answers.get(answer);
    return is ? { method: is.method, url: is.url, stream: is.isStream } : {};
  });
  promised(Request.prototype, bodies, 'body');
  promised(Blob.prototype, ['arrayBuffer', 'text', 'bytes'], 'body');
  guarded(() => {
    const body = getOwnPropertyDescriptor(Response.prototype, 'body');
    defineProperty(Response.prototype, 'body', {
      ...body,
      get: new Proxy(body.get, {
        apply(target, self, given) {
          const stream = apply(target, self, given);
          guarded(() => { if (stream && answers.has(self)) streams.set(stream, answers.get(self)); });
          return stream;
        },
      }),
    });
  });
  const readers = new WeakMap();
  patch(window.ReadableStream?.prototype, 'getReader', {
    apply(target, self, given) {
      const reader = apply(target, self, given);
      guarded(() => { if (streams.has(self)) readers.set(reader, streams.get(self)); });
      return reader;
    },
  });
  const reading = (reader) => {
    const is = readers.get(reader);
    return is ? { method: is.method, url: is.url, stream: is.isStream } : { doubt: true };
  };
  promised(window.ReadableStreamDefaultReader?.prototype, ['read'], 'stream', reading);
  promised(window.ReadableStreamBYOBReader?.prototype, ['read'], 'stream', reading);

  const opened = new WeakMap();
  patch(XMLHttpRequest.prototype, 'open', {
    apply(target, self, given) {
      const result = apply(target, self, given);
      guarded(() => opened.set(self, [String(given[0]), addressOf(given[1]) || String(given[1])]));
      return result;
    },
  });
  patch(XMLHttpRequest.prototype, 'send', {
    apply(target, self, given) {
      const token = guarded(() => {
        const [method, url] = opened.get(self) || ['GET', ''];
        const asking = asked('xhr', method, url, given[0]);
        on(self, 'loadend', () => asking.done());
        on(self, 'readystatechange', () => {
          if (self.readyState !== 2) return;
          asking.answered = time();
          asking.stream = /event-stream|x-mixed-replace/i.test(self.getResponseHeader('content-type') || '');
        });
        return asking;
      });
      try {
        return apply(target, self, given);
      } catch (error) {
        end(token);
        throw error;
      }
    },
  });

  // --- stores, and other work of the browser's that ends ---------------------------------------------------------------

  if (window.IDBFactory) {
    evented(IDBFactory.prototype, ['open', 'deleteDatabase'], 'database', ['success', 'error'], true);
    promised(IDBFactory.prototype, ['databases'], 'database');
    evented(IDBDatabase.prototype, ['transaction'], 'database', ['complete', 'abort'], true);
  }
  if (window.CacheStorage) promised(CacheStorage.prototype, ['match', 'open', 'has', 'keys', 'delete'], 'cache');
  if (window.Cache) promised(Cache.prototype, ['match', 'matchAll', 'keys', 'add', 'addAll', 'put', 'delete'], 'cache');
  if (window.CookieStore) promised(CookieStore.prototype, ['get', 'getAll', 'set', 'delete'], 'cookies');
  if (window.SubtleCrypto) promised(SubtleCrypto.prototype, Object.getOwnPropertyNames(SubtleCrypto.prototype).filter((name) => name !== 'constructor'), 'cryptography');
  if (window.StorageManager) promised(StorageManager.prototype, ['getDirectory', 'estimate', 'persist', 'persisted'], 'storage');
  promised(window, ['createImageBitmap'], 'picture');
  if (window.WebAssembly) promised(WebAssembly, ['compile', 'instantiate', 'compileStreaming', 'instantiateStreaming'], 'assembly');
  for (const [name, methods] of [
    ['Permissions', ['query']], ['NavigatorUAData', ['getHighEntropyValues']], ['FontFaceSet', ['load']],
    ['FontFace', ['load']], ['FileSystemHandle', ['remove']], ['FileSystemFileHandle', ['getFile', 'createWritable']],
    ['FileSystemDirectoryHandle', ['getFileHandle', 'getDirectoryHandle', 'removeEntry']],
  ]) if (window[name]) promised(window[name].prototype, methods, 'browser');
  patch(Document.prototype, 'startViewTransition', {
    apply(target, self, given) {
      const result = apply(target, self, given);
      guarded(() => {
        const token = begin('transition');
        after(result.updateCallbackDone, () => end(token));
      });
      return result;
    },
  });
  const readings = ['readAsArrayBuffer', 'readAsBinaryString', 'readAsDataURL', 'readAsText'];
  evented(FileReader.prototype, readings, 'file', ['loadend'], false);

  // Observers of what is in view or how large it is are told with the next frame that is painted.
  for (const name of ['IntersectionObserver', 'ResizeObserver']) guarded(() => {
    const Observer = window[name];
    const pending = new WeakMap();
    const made = (Observer) => new Proxy(Observer, {
      construct(target, given, asClass) {
        const [action, ...others] = given;
        if (typeof action !== 'function') return construct(target, given, asClass);
        const tell = function (...passed) {
          const token = pending.get(this);
          try {
            return apply(action, this, passed);
          } finally {
            end(token);
          }
        };
        return construct(target, [tell, ...others], asClass);
      },
    });
    const observed = made(Observer);
    defineProperty(Observer.prototype, 'constructor', { value: observed, writable: true, configurable: true });
    defineProperty(window, name, { ...getOwnPropertyDescriptor(window, name), value: observed });
    patch(Observer.prototype, 'observe', {
      apply(target, self, given) {
        const result = apply(target, self, given);
        guarded(() => {
          if (tokens.has(pending.get(self))) return;
          const token = begin('observer');
          pending.set(self, token);
          later.call(window, () => end(token), 500); // nothing of a size, or no frame is painted
        });
        return result;
      },
    });
    for (const other of ['disconnect']) patch(Observer.prototype, other, {
      apply(target, self, given) {
        end(pending.get(self));
        return apply(target, self, given);
      },
    });
  });

  // --- messages --------------------------------------------------------------------------------------------------------

  const peers = new WeakMap();
  const inbox = new WeakMap();
  const wrapClass = (name, made) => guarded(() => {
    const Native = window[name];
    if (!Native) return;
    const wrapped = new Proxy(Native, {
      construct(target, given, asClass) {
        const instance = construct(target, given, asClass);
        guarded(() => made(instance, given));
        return instance;
      },
    });
    defineProperty(Native.prototype, 'constructor', { value: wrapped, writable: true, configurable: true });
    defineProperty(window, name, { ...getOwnPropertyDescriptor(window, name), value: wrapped });
  });
  wrapClass('MessageChannel', (made) => {
    peers.set(made.port1, made.port2);
    peers.set(made.port2, made.port1);
    for (const port of [made.port1, made.port2]) {
      inbox.set(port, []);
      on(port, 'message', () => { activity++; end(inbox.get(port).shift()); });
    }
  });
  const posting = {
    apply(target, self, given) {
      const token = guarded(() => {
        const peer = peers.get(self);
        if (!peer) return undefined;
        const source = sourceOf('message', undefined, 0, posting.apply);
        const sent = begin('message', { source, recurs: source.total > 0 });
        ran(source);
        inbox.get(peer).push(sent);
        later.call(window, () => end(sent), 1000); // nobody takes it, or it has gone to another place
        return sent;
      });
      try {
        return apply(target, self, given);
      } catch (error) {
        end(token);
        throw error;
      }
    },
  };
  patch(MessagePort.prototype, 'postMessage', posting);
  if (window.BroadcastChannel) patch(BroadcastChannel.prototype, 'postMessage', {
    apply(target, self, given) {
      const result = apply(target, self, given);
      guarded(() => {
        const token = begin('message');
        later.call(window, () => end(token), 50);
      });
      return result;
    },
  });
  wrapClass('BroadcastChannel', (made) => on(made, 'message', () => { activity++; }));

  // A dedicated worker cannot be seen into: whether it owes an answer is doubt, for a while.
  const workers = new Map();
  wrapClass('Worker', (made, [url]) => {
    const address = guarded(() => new URL(String(url), document.baseURI).href, '');
    const is = { url: address, owed: 1, at: time() };
    workers.set(made, is);
    activity++;
    const told = () => { is.heard = true; is.owed = Math.max(0, is.owed - 1); activity++; };
    for (const name of ['message', 'messageerror', 'error']) on(made, name, told);
  });
  if (window.Worker) {
    patch(Worker.prototype, 'postMessage', {
      apply(target, self, given) {
        const result = apply(target, self, given);
        guarded(() => {
          const is = workers.get(self);
          if (!is) return;
          is.owed = is.owed + (is.heard || is.sent ? 1 : 0);
          is.sent = true;
          is.at = time();
          activity++;
        });
        return result;
      },
    });
    patch(Worker.prototype, 'terminate', {
      apply(target, self, given) {
        workers.delete(self);
        activity++;
        return apply(target, self, given);
      },
    });
  }

  // What sends by itself, whenever it likes, until it is closed.
  const senders = new Map();
  const sender = (name, kind, isClosed, addressed = true) => wrapClass(name, (made, [url]) => {
    const address = addressed ? guarded(() => new URL(String(url), document.baseURI).href, '') : '';
    senders.set(made, { kind, url: address, isClosed });
    activity++;
  });
  sender('EventSource', 'event stream', (is) => is.readyState === 2);
  sender('SharedWorker', 'shared worker', () => false);
  sender('WebSocket', 'web socket', (is) => is.readyState === 3);
  sender('RTCPeerConnection', 'peer connection', (is) => is.connectionState === 'closed', false);
  wrapClass('WebTransport', (made, [url]) => {
    const is = { kind: 'web transport', url: guarded(() => new URL(String(url)).href, ''), closed: false };
    senders.set(made, { ...is, isClosed: () => is.closed });
    after(made.closed, () => { is.closed = true; });
  });

  // --- the document ------------------------------------------------------------------------------------------------------

  const shapes = new WeakMap(); // by element: in which shapes its text, children and attributes have been seen
  const MOST = 12;
  // Whether what changes here changes in a way that was seen here before: a clock, a blinking cursor, a progress bar.
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
  const find = (node) => {
    if (node.nodeType !== 1) return;
    const name = node.localName;
    if (name === 'script' || name === 'iframe' || name === 'frame') starts(node);
    else if (node.firstElementChild) for (const inner of node.querySelectorAll('script[src],iframe,frame')) starts(inner);
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
  const seekRoots = () => { // shadow roots that came with the document itself, without a call
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
      later.call(window, () => end(token), 3000); // an answer that is no page
    }));
    for (const name of ['navigatesuccess', 'navigateerror']) on(navigation, name, () => end(going));
  }

  const moving = new WeakMap();
  const animations = () => guarded(() => {
    let count = 0;
    for (const animation of document.getAnimations()) {
      if (animation.playState !== 'running') continue;
      const { endTime, progress } = animation.effect?.getComputedTiming() || {};
      if (!(endTime < HORIZON) || progress === null) continue;
      if (!moving.has(animation)) moving.set(animation, time());
      if (time() - moving.get(animation) < endTime + 500) count++;
    }
    return count;
  }, 0);
  const refreshes = () => guarded(() => {
    const meta = document.querySelector('meta[http-equiv="refresh" i]');
    const seconds = meta ? parseFloat(meta.content) : NaN;
    return Number.isFinite(seconds) ? seconds * 1000 : null;
  }, null);

  // --- what is told -------------------------------------------------------------------------------------------------------

  const whereOf = (source) => {
    for (const line of source.stack.split('\n').slice(1)) {
      const place = line.match(/((?:https?|blob|file):[^\s()]+?):(\d+):(\d+)\)?$/);
      if (place) return [place[1], Number(place[2])];
    }
    return ['', 0];
  };
  const snapshot = () => {
    read(observer.takeRecords());
    seekRoots();
    observe(document); // it may have been replaced
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
      doubt: true, owed: is.owed > 0,
    });
    if (animations()) told.push({ kind: 'animation', method: '', url: '', age: 0, repeats: 0, answered: false, stream: false, doubt: false });
    const recurring = [];
    for (const [source, token] of again) {
      // One that is armed for long hence, for the first time, will not come while anybody waits.
      if (token.once && source.period > HORIZON) continue;
      const [url, line] = whereOf(source);
      recurring.push({
        kind: source.kind, period: source.period / 1000, runs: runsOf(source), url, line,
        inline: url === document.URL.split('#')[0], action: source.action,
      });
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
  // Resolves as soon as nothing that ends is under way, or after so many milliseconds.
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
