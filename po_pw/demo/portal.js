// What an order's page does: each way of showing attachments is named by the section's data-shows.
(() => {
  'use strict';
  const section = document.getElementById('attachments');
  if (!section) return;
  const body = section.querySelector('.attachments-body');

  // Signed out meanwhile: go where the portal sends everybody.
  const ask = async (address) => {
    const answer = await fetch(address, { headers: { Accept: 'application/json' } });
    if (answer.redirected) {
      location.assign('/login?next=' + encodeURIComponent(location.pathname));
      return new Promise(() => {});
    }
    if (!answer.ok) throw new Error('the portal answered ' + answer.status);
    return answer;
  };
  const busy = (on) => (on ? section.setAttribute('aria-busy', 'true') : section.removeAttribute('aria-busy'));
  const list = async (page) => (await ask(section.dataset.from + '?page=' + page)).json();
  const count = (number) => { section.querySelector('h2').textContent = 'Attachments (' + number + ')'; };
  const failed = (error) => {
    body.innerHTML = '<p role="alert"></p>';
    body.firstChild.textContent = 'The attachments could not be loaded (' + error.message + '). Try again later.';
  };

  const late = async () => {
    const answer = await list(1);
    body.innerHTML = answer.html;
    count(answer.total);
    busy(false);
  };

  const appended = () => {
    body.replaceChildren(section.querySelector('template').content.cloneNode(true));
    count(body.querySelectorAll('li').length);
    busy(false);
  };

  const expander = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    busy(true);
    body.innerHTML = '<p class="loading">Loading…</p>';
    const answer = await list(1);
    body.innerHTML = answer.html;
    button.setAttribute('aria-expanded', 'true');
    button.textContent = 'Hide attachments';
    button.disabled = false;
    button.onclick = () => {
      const hide = button.getAttribute('aria-expanded') === 'true';
      body.hidden = hide;
      button.setAttribute('aria-expanded', String(!hide));
      button.textContent = hide ? 'Show attachments' : 'Hide attachments';
    };
    busy(false);
  };

  const turning = () => {
    const [back, next] = section.querySelectorAll('.turning button');
    const where = section.querySelector('.turning span');
    let page = 1;
    const turn = async (to) => {
      back.disabled = next.disabled = true;
      busy(true);
      const answer = await list(to);
      page = answer.page;
      body.innerHTML = answer.html;
      where.textContent = 'Page ' + page + ' of ' + answer.pages;
      back.disabled = page === 1;
      next.disabled = page === answer.pages;
      busy(false);
    };
    back.onclick = () => turn(page - 1).catch(failed);
    next.onclick = () => turn(page + 1).catch(failed);
  };

  // A file that has no address of its own: made here, from data asked for here.
  const made = async (button) => {
    const answer = await (await ask(button.dataset.from)).json();
    const bytes = Uint8Array.from(atob(answer.data), (letter) => letter.charCodeAt(0));
    const address = URL.createObjectURL(new Blob([bytes], { type: answer.type }));
    const link = document.createElement('a');
    link.href = address;
    link.download = answer.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 30000);
  };

  // Lists that come late, each in another way.
  const put = (answer) => { body.innerHTML = answer.html; count(answer.total); };
  const from = () => section.dataset.from;
  const beside = (ending) => from().replace(/[.]json$/, ending);
  const chain = (left, pause) => (left ? setTimeout(() => chain(left - 1, pause), pause) : appended());
  const ways = {
    fetch: async () => put(await (await ask(from() + '?late')).json()),
    xhr: () => {
      const request = new XMLHttpRequest();
      request.onload = () => put(JSON.parse(request.responseText));
      request.open('GET', from() + '?late');
      request.send();
    },
    timer: (delay) => setTimeout(appended, delay),
    chain: (delay) => chain(4, delay / 4),
    script: () => {
      window.showAttachments = put;
      const script = document.createElement('script');
      script.src = beside('.js?late');
      document.head.append(script);
    },
    import: async () => put((await import(beside('.js?late&module'))).default),
    frame: () => {
      const frame = document.createElement('iframe');
      frame.title = 'Attachments';
      frame.src = beside('-frame?late');
      body.replaceChildren(frame);
    },
    worker: () => {
      const worker = new Worker('/static/portal-worker.js');
      worker.onmessage = (event) => put(event.data);
      worker.postMessage(from() + '?late');
    },
    poll: (delay) => {
      const begun = performance.now();
      const polling = setInterval(async () => {
        const answer = await (await ask(from())).json();
        if (performance.now() - begun < delay) return;
        clearInterval(polling);
        put(answer);
      }, 400);
    },
    websocket: () => {
      const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + beside('-socket'));
      socket.onmessage = (event) => put(JSON.parse(event.data));
    },
    events: () => {
      const events = new EventSource(beside('-events'));
      events.onmessage = (event) => put(JSON.parse(event.data));
    },
  };

  section.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-from]');
    if (button) made(button).catch(failed);
  });
  const delay = Number(section.dataset.delay || 0);
  const way = ways[section.dataset.way];
  if (way) (async () => way(delay))().catch(failed);
  else switch (section.dataset.shows) {
    case 'LATE': setTimeout(() => late().catch(failed), delay); break;
    case 'APPENDED': setTimeout(appended, delay); break;
    case 'EXPANDER': section.querySelector('.bar button[aria-expanded]').onclick = (event) => expander(event).catch(failed); break;
    case 'PAGED': turning(); break;
  }
})();
