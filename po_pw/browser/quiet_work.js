// A part of quiet.js, in its scope: counts timers, requests, storage and messages from start to end.
// --- timers and frames ---------------------------------------------------------------------------------------------

const timers = new Map();
const runs = (token, action, self, given) => {
  const { source } = token;
  ran(source);
  source.running++;
  if (!token.recurs) activity++;
  try {
    return apply(action, self, given);
  } finally {
    source.running--;
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
          later.call(window, () => end(token), delayOf(given)); // set after the page's timer, so it runs after it
          map.set(id, token);
        });
        return id;
      }
      const token = guarded(() => {
        const period = delayOf(given);
        const source = sourceOf(kind, action, period, handler.apply);
        return begin(kind, { source, recurs: period > HORIZON || isAgain(source), once: source.total === 0 });
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

// --- storage, and other work of the browser that ends --------------------------------------------------------------

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

// These observers are called with the next painted frame.
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
        later.call(window, () => end(token), 500); // the element has no size, or no frame is painted
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
      const sent = begin('message', { source, recurs: isAgain(source) });
      ran(source);
      inbox.get(peer).push(sent);
      later.call(window, () => end(sent), 1000); // no one receives it, or it was sent to another context
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

// A dedicated worker cannot be observed: for a while it counts as doubtful whether it still owes a reply.
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

// Sources that may send at any time until they are closed.
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
