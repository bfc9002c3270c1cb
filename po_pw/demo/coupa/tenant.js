// The tenant's page script: presses, late widgets, pagers. It never changes anything unless an add, delete or cancel
// control is pressed, and the server records that.
'use strict';

const tenant = (() => {
  const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const element = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const ask = async (address) => {
    const answer = await fetch(address, { headers: { Accept: 'application/json', 'X-Requested-With': 'XMLHttpRequest' } });
    if (answer.status === 401) location.assign((await answer.json()).expired_session_url);
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.json();
  };

  const start = (config) => {
    const change = (path, method = 'POST') => {
      const token = document.querySelector('meta[name=csrf-token]').content;
      return fetch(path, { method, headers: { 'X-CSRF-Token': token } });
    };

    // The list on the header: an item's address is known here only.
    const press = (item) => {
      const known = config.presses.find(([place]) => String(place) === item.dataset.place);
      if (!known) return;
      const address = atob(known[1]);
      if (known[2]) window.open(address, '_blank');
      else location.assign(address);
    };
    const item = (event) => event.target.closest('.attachments span[role=button]');
    document.addEventListener('keydown', (event) => {
      if ((event.key === 'Enter' || event.key === ' ') && item(event)) {
        event.preventDefault();
        press(item(event));
      }
    });
    document.addEventListener('click', (event) => {
      if (item(event)) return press(item(event));
      const file = event.target.closest('span.attachment-file[data-url]');
      if (file) return location.assign(file.dataset.url);
      const control = event.target.closest('[data-change], [data-method], .s-addFile, .s-addUrl, .s-addText, [data-add]');
      if (!control) return undefined;
      event.preventDefault();
      if (control.dataset.method) return change(control.getAttribute('href'), 'DELETE');
      return change(`${config.path}/${control.dataset.change || 'attachments'}`);
    });

    const lateHeader = async () => {
      await later(config.lateHeader);
      const { html } = await ask(`${config.path}/attachments_list`);
      document.querySelector('.attachments.attachified').innerHTML = html;
    };

    const lateLines = async () => {
      await later(config.lateLines);
      lines.innerHTML = (await ask(`${config.path}/order_lines.json?page=1`)).html;
    };

    // The comments are drawn twice, and the second drawing replaces every node of the first.
    const attachment = (one) => {
      if (one.type === 'file') {
        const link = element('a', { href: one.href, target: '_blank', title: one.name }, one.name);
        return element('li', { class: 'attachmentFile s-attachmentFile' }, link);
      }
      if (one.type === 'url') {
        const link = element('a', { href: one.content, target: '_blank', rel: 'noopener', title: one.name }, one.name);
        return element('li', { class: 'attachmentUrl s-attachmentUrl' }, link);
      }
      return element('li', { class: 'attachmentText s-attachmentText', title: one.name }, one.content);
    };
    const comment = (one) => {
      const words = element('div', { class: 'commentText' });
      words.innerHTML = one.html;
      const made = element('div', { class: 'comment' }, element('b', {}, one.author), words);
      if (one.attachments.length) {
        const list = element('ul', { class: 'attachments__list s-attachmentList' }, ...one.attachments.map(attachment));
        made.append(element('div', { class: 'commentAttachments' }, list));
      }
      return made;
    };
    const lateComments = async () => {
      await later(config.comments);
      const { comments } = await ask(`${config.path}/comments.json`);
      const section = document.querySelector('.commentsSection');
      section.replaceChildren(...(config.partly ? comments.slice(0, -1) : comments).map(comment));
      await later(config.again);
      section.replaceChildren(...comments.map(comment));
    };

    const lines = document.querySelector('#order_line_table_section .lines');
    const turn = async (page) => {
      const from = `${config.path}/order_lines`;
      if (config.json) {
        lines.innerHTML = (await ask(`${from}.json?page=${page}`)).html;
      } else {
        const answer = await fetch(`${from}?page=${page}`, { headers: { 'X-Requested-With': 'XMLHttpRequest' } });
        lines.innerHTML = await answer.text();
      }
    };
    if (lines) {
      lines.addEventListener('click', async (event) => {
        const page = event.target.closest('.pagination [data-page]');
        const folded = event.target.closest('button[data-line]');
        if (!page && !folded) return;
        event.preventDefault();
        if (page) return turn(page.dataset.page);
        const { html } = await ask(`${config.path}/line_attachments.json?line=${folded.dataset.line}`);
        folded.parentElement.querySelector('.lineAttachments').innerHTML = html;
      });
    }
    const count = document.querySelector('button[data-to]');
    if (count) count.addEventListener('click', () => document.getElementById(count.dataset.to).scrollIntoView());

    // The floating bar lies over the first attachment until the page is scrolled.
    const bar = document.querySelector('.floatingSectionOnTop');
    const under = document.querySelector('.attachments span[role=button]');
    if (bar && under) bar.style.top = `${under.getBoundingClientRect().top - 12}px`;

    if (config.lateHeader !== null) lateHeader();
    if (config.lateLines !== null) lateLines();
    lateComments();
    setInterval(() => ask('/sessions/expiration_check'), config.checks);
  };
  return { start };
})();
