// What the report's page does: searches, sorts and filters its rows, and shows a limited number at a time.
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const field = Object.fromEntries(data.fields.map((name, index) => [name, index]));
  const rows = data.rows;
  const done = new Set(['COMPLETED', 'NO_ATTACHMENTS', 'DUPLICATE']);
  const by = (id) => document.getElementById(id);
  const body = document.querySelector('#table tbody');
  const heads = [...document.querySelectorAll('#table th')];
  const collator = new Intl.Collator('en', {numeric: true});
  const state = {sort: 'row', down: false, page: 0};
  let words = null;
  let found = rows;

  const element = (name, text, cls) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (cls) made.className = cls;
    return made;
  };
  // Only a path beside the report or a web address becomes a link, whatever a name says.
  const path = (text) => {
    try {
      const parts = text.split('/').map(encodeURIComponent).join('/');
      if (text.startsWith('/')) return 'file://' + parts;
      return /^[A-Za-z]:[\\/]/.test(text) ? 'file:///' + text.replace(/\\/g, '/').split('/').map((part, at) =>
        at ? encodeURIComponent(part) : part).join('/') : parts;
    } catch {
      return '';
    }
  };
  const link = (text, address, web) => {
    if (!address) return element('span', text);
    const made = element('a', text);
    made.href = address;
    if (web) {
      made.rel = 'noreferrer noopener';
      made.target = '_blank';
    }
    return made;
  };
  const size = (bytes) => {
    const units = ['B', 'kB', 'MB', 'GB'];
    let unit = 0;
    while (Math.round(bytes) >= 1000 && unit < 3) {
      bytes /= 1000;
      unit += 1;
    }
    return `${bytes < 10 ? bytes.toFixed(1).replace(/\.0$/, '') : Math.round(bytes)} ${units[unit]}`;
  };
  const clock = (seconds) => seconds < 60 ? `${seconds} s`
    : `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, '0')}`;

  const filesOf = (row) => {
    const names = row[field.files];
    const cell = document.createDocumentFragment();
    const folder = row[field.folder];
    if (!names.length) {
      if (folder) cell.append(link('folder', path(folder)));
      return cell;
    }
    const details = element('details');
    const found = row[field.found];
    const count = found > names.length ? `${names.length} of ${found}` : String(names.length);
    const summary = element('summary', `${count} file${names.length === 1 ? '' : 's'}`);
    details.append(summary);
    details.addEventListener('toggle', () => {
      if (!details.open || details.childElementCount > 1) return;
      const list = element('ul');
      if (folder) {
        const item = element('li');
        item.append(link('Open the folder', path(folder)));
        list.append(item);
      }
      for (const name of names) {
        const item = element('li');
        item.append(link(name, path(`${folder}/${name}`)));
        list.append(item);
      }
      details.append(list);
    });
    cell.append(details);
    return cell;
  };
  const whyOf = (row) => {
    const cell = document.createDocumentFragment();
    if (row[field.code]) cell.append(element('code', row[field.code]), ' ');
    cell.append(row[field.why]);
    for (const file of row[field.evidence]) {
      const last = file.split('/').pop();
      cell.append(' ', link(data.evidence[last] || last, path(file)));
    }
    return cell;
  };
  const numberOf = (row) => {
    const url = row[field.url];
    const text = row[field.po] || '(none)';
    return /^https?:\/\//i.test(url) ? link(text, url, true) : element('span', text);
  };
  const cells = {
    row: (row) => String(row[field.row]),
    po: numberOf,
    supplier: (row) => row[field.supplier],
    value: (row) => row[field.amount],
    status: (row) => element('span', row[field.status], `status ${row[field.status]}`),
    why: whyOf,
    files: filesOf,
    bytes: (row) => row[field.bytes] ? size(row[field.bytes]) : '',
    seconds: (row) => row[field.seconds] ? clock(row[field.seconds]) : '',
  };

  const draw = () => {
    const pages = Math.max(1, Math.ceil(found.length / data.max));
    state.page = Math.min(state.page, pages - 1);
    const start = state.page * data.max;
    const shown = found.slice(start, start + data.max);
    const drawn = document.createDocumentFragment();
    for (const row of shown) {
      const line = element('tr');
      for (const head of heads) {
        const name = head.dataset.sort;
        const cell = element(name === 'po' ? 'th' : 'td', undefined, head.className);
        if (name === 'po') cell.scope = 'row';
        if (name === 'po' && row[field.po].length < 25) cell.classList.add('short');
        cell.dataset.label = head.textContent.trim();
        cell.append(cells[name](row));
        line.append(cell);
      }
      drawn.append(line);
    }
    body.replaceChildren(drawn);
    document.querySelector('.table').scrollTop = 0;
    const many = (count) => count.toLocaleString('en');
    const of = found.length === rows.length ? many(rows.length) : `${many(found.length)} (of ${many(rows.length)})`;
    by('shown').textContent = found.length
      ? `${many(start + 1)}–${many(start + shown.length)} of ${of} rows`
      : 'No row matches.';
    by('previous').disabled = state.page === 0;
    by('next').disabled = state.page >= pages - 1;
    document.querySelector('.pages').hidden = pages === 1;
    for (const head of heads) {
      const is = head.dataset.sort === state.sort;
      if (is) head.setAttribute('aria-sort', state.down ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    }
  };
  const valueOf = {
    files: (row) => row[field.files].length,
    value: (row) => row[field.value] ?? -Infinity,
  };
  const choose = () => {
    const asked = by('find').value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = by('status').value;
    const code = by('code') ? by('code').value : '';
    const supplier = by('supplier') ? by('supplier').value : '';
    if (asked.length && !words) {
      const searched = ['po', 'supplier', 'status', 'code', 'why', 'folder', 'amount'].map((name) => field[name]);
      words = new Map(rows.map((row) =>
        [row, (searched.map((at) => row[at]).join('\n') + '\n' + row[field.files].join('\n')).toLowerCase()]));
    }
    found = rows.filter((row) =>
      (!status || (status === 'open' ? !done.has(row[field.status]) : row[field.status] === status)) &&
      (!code || row[field.code] === code) &&
      (!supplier || row[field.supplier] === supplier) &&
      asked.every((word) => words.get(row).includes(word)));
    const get = valueOf[state.sort] || ((row) => row[field[state.sort]]);
    const sign = state.down ? -1 : 1;
    if (state.sort !== 'row' || state.down) {
      found.sort((one, other) => {
        const [a, b] = [get(one), get(other)];
        const order = typeof a === 'string' ? collator.compare(a, b) : a === b ? 0 : a < b ? -1 : 1;
        return sign * order || one[field.row] - other[field.row];
      });
    }
    draw();
  };
  const begin = () => {
    state.page = 0;
    choose();
  };

  by('find').addEventListener('input', begin);
  for (const id of ['status', 'code', 'supplier']) by(id)?.addEventListener('change', begin);
  by('sort').addEventListener('change', () => {
    state.sort = by('sort').value;
    state.down = state.sort === 'bytes' || state.sort === 'seconds';
    begin();
  });
  by('tools').addEventListener('submit', (event) => event.preventDefault());
  by('tools').addEventListener('reset', () => setTimeout(() => {
    Object.assign(state, {sort: 'row', down: false});
    begin();
  }));
  for (const head of heads) {
    head.querySelector('button').addEventListener('click', () => {
      const name = head.dataset.sort;
      state.down = state.sort === name ? !state.down : ['files', 'bytes', 'seconds', 'value'].includes(name);
      state.sort = name;
      begin();
    });
  }
  const turn = (pages) => {
    state.page += pages;
    draw();
    by('orders').scrollIntoView();
  };
  by('previous').addEventListener('click', () => turn(-1));
  by('next').addEventListener('click', () => turn(1));
  const show = (id, value) => {
    for (const other of ['status', 'code', 'supplier']) if (by(other)) by(other).value = '';
    by('find').value = '';
    by(id).value = value;
    begin();
    by('orders').scrollIntoView();
    by(id).focus({preventScroll: true});
  };
  for (const tile of document.querySelectorAll('[data-status]')) {
    tile.addEventListener('click', () => show('status', tile.dataset.status));
  }
  for (const button of document.querySelectorAll('[data-code]')) {
    button.addEventListener('click', () => show('code', button.dataset.code));
  }
  draw();
})();
