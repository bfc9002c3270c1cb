// Finds and describes the controls of one document. An expression: an object of functions.
(() => {
  const PICTURE_FONT = /(^|[\s_-])(material-icons|material-symbols|icon|icons|glyphicon|fa|fas|far|fab|fal|bi|mdi|ti|lucide|feather)([\s_-]|$)/i;
  const CANDIDATES = [
    'a', 'area[href]', 'button', 'summary', 'input[type=submit]', 'input[type=button]', 'input[type=image]', 'input[type=reset]',
    '[role=button]', '[role=link]', '[role=tab]', '[role=menuitem]', '[onclick]', '[ng-click]', '[data-ng-click]', '[v-on\\:click]',
    '[\\@click]', '[data-url]', '[data-href]', '[data-link]', '[data-download-url]', '[data-file-url]', '[hx-get]', '[hx-post]',
    '[wire\\:click]', '[data-action]', '[tabindex][data-filename]', '[tabindex][data-file-id]', 'object[data]', 'embed[src]',
  ].join(',');
  const ADDRESSES = ['href', 'xlink:href', 'data-url', 'data-href', 'data-link', 'data-download-url', 'data-file-url', 'hx-get', 'src', 'data'];
  // Without characters that only mark where a word may break.
  const squeeze = (text) => (text || '').replace(/[\u00ad\u034f\u180e\u200b\u2060]/g, '').replace(/\s+/g, ' ').trim();

  const parentOf = (node) => node.assignedSlot || node.parentElement || (node.getRootNode() instanceof ShadowRoot ? node.getRootNode().host : null);
  // Matching elements in document order, also inside open shadow roots.
  const all = (selector, root = document) => {
    const found = [];
    const walk = (from) => {
      const shadows = [];
      for (const element of from.querySelectorAll('*')) {
        if (element.matches(selector)) found.push(element);
        if (element.shadowRoot) walk(element.shadowRoot);
      }
      return shadows;
    };
    if (root.nodeType === 1 && root.shadowRoot) walk(root.shadowRoot);
    walk(root);
    return found;
  };
  const shown = (element) => {
    if (!element.isConnected) return false;
    if (element.checkVisibility && !element.checkVisibility({ visibilityProperty: true })) return false;
    return element.getClientRects().length > 0 || getComputedStyle(element).display === 'contents';
  };
  const isPicture = (element) => /^(i|svg|img|picture|use)$/i.test(element.localName) || element.getAttribute('role') === 'img' || element.matches('input[type=image]') ||
    (/^(span|em|b|div)$/.test(element.localName) && PICTURE_FONT.test(element.getAttribute('class') || '') && !element.querySelector('a,button') && (element.textContent || '').trim().length < 30 &&
      (/material/i.test(element.getAttribute('class') || '') || !(element.textContent || '').trim()));

  // Text that a style sheet adds before or after an element; only letters, because icon fonts use other characters.
  const written = (element, where) => {
    const content = getComputedStyle(element, where).content;
    if (!content || content === 'none' || content === 'normal') return '';
    const text = [...content.matchAll(/"((?:\\.|[^"\\])*)"/g)].map((found) => found[1]).join('');
    return /\p{L}{2}/u.test(text) ? text : '';
  };
  // The visible text, without the ligatures of icon fonts.
  const textOf = (element, most = 400) => {
    let text = '';
    const walk = (node) => {
      if (text.length > most) return;
      if (node.nodeType === 3) { text += node.data; return; }
      if (node.nodeType !== 1 && node.nodeType !== 11) return;
      if (node.nodeType === 1) {
        if (/^(script|style|template|noscript|svg|head)$/i.test(node.localName)) return;
        if (node !== element && isPicture(node)) return;
        if (node.hidden || node.getAttribute('aria-hidden') === 'true') return;
        if (node.localName === 'br') { text += ' '; return; }
        const style = getComputedStyle(node);
        if (style.display === 'none' || style.visibility === 'hidden') return;
        if (node.shadowRoot) { walk(node.shadowRoot); return; }
        if (node.localName === 'slot') { for (const child of (node.assignedNodes().length ? node.assignedNodes() : node.childNodes)) walk(child); return; }
        const apart = style.display !== 'inline';
        if (apart) text += ' ';
        text += written(node, '::before');
        for (const child of node.childNodes) walk(child);
        text += written(node, '::after');
        if (apart) text += ' ';
        return;
      }
      for (const child of node.childNodes) walk(child);
    };
    walk(element);
    return squeeze(text).slice(0, most);
  };
  const iconsOf = (element) => {
    const names = new Set();
    const add = (text) => { const value = squeeze(text).slice(0, 120); if (value) names.add(value); };
    for (const part of [element, ...element.querySelectorAll('*')]) {
      const kind = part.localName;
      // Also images from style sheets.
      const drawn = getComputedStyle(part);
      for (const image of [drawn.backgroundImage, drawn.maskImage]) {
        for (const found of (image || '').matchAll(/url\("(?!data:)([^"?#]+)/g)) add(found[1].split('/').pop());
      }
      if (part !== element && !isPicture(part) && kind !== 'use' && kind !== 'title') continue;
      if (part === element && !isPicture(part)) continue;
      if (kind === 'use') { add(String(part.getAttribute('href') || part.getAttribute('xlink:href') || '').split('#').pop()); continue; }
      if (kind === 'img' || kind === 'input') { add((part.getAttribute('src') || '').startsWith('data:') ? '' : (part.getAttribute('src') || '').split(/[?#]/)[0].split('/').pop()); add(part.getAttribute('alt')); }
      if (kind === 'title' && part.closest('svg')) add(part.textContent);
      add(part.getAttribute('class')); add(part.getAttribute('title')); add(part.getAttribute('aria-label')); add(part.getAttribute('data-icon'));
      if (kind !== 'svg' && kind !== 'img') add(part.textContent);
    }
    const own = squeeze(element.textContent);
    if (own && own.length <= 3 && !/[\p{L}\p{N}]/u.test(own)) add(own);
    return [...names].slice(0, 12);
  };
  const labelOf = (element) => {
    const by = (element.getAttribute('aria-labelledby') || '').split(/\s+/).filter(Boolean)
      .map((id) => { const other = element.getRootNode().getElementById ? element.getRootNode().getElementById(id) : null; return other ? textOf(other) : ''; });
    const named = squeeze(by.join(' ')) || squeeze(element.getAttribute('aria-label'));
    if (named) return named;
    if (element.localName === 'input') return squeeze(element.value || element.alt || element.title);
    const text = textOf(element);
    if (text) return text;
    if (element.localName === 'area' && element.alt) return squeeze(element.alt);
    const hidden = squeeze([...element.querySelectorAll('.sr-only,.visually-hidden,.screen-reader-text,[class*=hidden]')].map((e) => e.textContent).join(' '));
    const picture = [...element.querySelectorAll('img[alt],svg[aria-label],[role=img][aria-label],i[title],span[title]')].map((e) => e.getAttribute('alt') || e.getAttribute('aria-label') || e.getAttribute('title'));
    const title = [...element.querySelectorAll('svg > title')].map((e) => e.textContent);
    return hidden || squeeze([...picture, ...title].join(' ')) || squeeze(element.getAttribute('title'));
  };
  const absolute = (text) => { try { return new URL(text, document.baseURI).href; } catch { return ''; } };
  const addressOf = (element) => {
    for (const name of ADDRESSES) {
      if (name === 'src' && element.localName !== 'embed') continue;
      if (name === 'data' && element.localName !== 'object') continue;
      const value = element.getAttribute(name);
      if (!value || !value.trim()) continue;
      const raw = value.trim();
      if (/^(javascript|mailto|tel|sms):/i.test(raw)) continue;
      if (raw.startsWith('#') && !raw.startsWith('#/') && !raw.startsWith('#!')) continue;
      if (name.startsWith('data') && !/^(https?:|\/|\.|\w[\w.%-]*\/|[\w%-]+\.\w)/i.test(raw)) continue;
      return absolute(raw);
    }
    return '';
  };
  const formOf = (element) => {
    const form = element.form || (element.localName === 'button' || element.localName === 'input' ? element.closest('form') : null);
    const method = element.getAttribute('formmethod') || element.getAttribute('data-method') || '';
    const posts = element.getAttribute('hx-post') || element.getAttribute('hx-delete') || element.getAttribute('hx-put') || element.getAttribute('hx-patch');
    if (posts) return { method: element.hasAttribute('hx-post') ? 'post' : 'delete', action: absolute(posts), fields: [] };
    // A plain button does not send its form.
    if (!form || /^(button|reset)$/.test(element.type || '')) return method ? { method: method.toLowerCase(), action: addressOf(element), fields: [] } : null;
    const fields = [...form.elements].filter((e) => e.name && (e.type === 'hidden' || e === element)).map((e) => [e.name, String(e.value || '').slice(0, 200)]);
    const action = element.getAttribute('formaction') || form.getAttribute('action') || '';
    return { method: (method || form.getAttribute('method') || 'get').toLowerCase(), action: absolute(action || location.href), fields: fields.slice(0, 40) };
  };
  const rowOf = (element) => {
    for (let node = element; node && node !== document.body; node = parentOf(node)) {
      if (node.matches('tr,li,dt,dd,figure,[role=row],[role=listitem],[role=option]')) return node;
    }
    // Otherwise the nearest repeated element around it; not a cell that contains only controls.
    let nearest = null;
    for (let node = parentOf(element); node && parentOf(node) && node !== document.body; node = parentOf(node)) {
      const alike = [...parentOf(node).children].some((other) => other !== node && other.localName === node.localName && other.className === node.className && other.className);
      if (!alike) continue;
      nearest = nearest || node;
      if (piecesOf(node).length) return node;
    }
    return nearest;
  };
  // The short texts of a row that are not labels of controls.
  const piecesOf = (row) => {
    const found = [];
    for (const node of [row, ...row.querySelectorAll('*')]) {
      if (found.length >= 24) break;
      if (/^(script|style|template|option|svg)$/.test(node.localName) || isPicture(node)) continue;
      const own = squeeze([...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data).join(' '));
      if (!own || own.length > 200 || !shown(node)) continue;
      if (node.closest('a,button,[role=button],summary,label') && row.contains(node.closest('a,button,[role=button],summary,label'))) continue;
      found.push(own);
    }
    return found;
  };
  const SKIPPED = new Set(['style', 'href', 'src', 'data', 'aria-label', 'title', 'role', 'alt', 'aria-expanded', 'tabindex', 'xlink:href', 'disabled', 'target', 'width', 'height']);
  const describe = (element) => {
    // A script in `href` shows what a press does; so does the end of a long handler.
    const kept = (a) => !SKIPPED.has(a.name) || (a.name === 'href' && /^\s*javascript:/i.test(a.value));
    const attributes = [...element.attributes].filter(kept).map((a) => [a.name, a.value.slice(0, 2000)]);
    // That it opens something identifies the control; whether it is open does not.
    if (element.hasAttribute('aria-expanded')) attributes.push(['aria-expanded', '']);
    // Texts that describe it elsewhere: `aria-describedby`, and the form that it sends.
    const told = (element.getAttribute('aria-describedby') || '').split(/\s+/).filter(Boolean).map((id) => document.getElementById(id)).filter(Boolean).map((other) => squeeze(other.textContent).slice(0, 200));
    if (told.length) attributes.push(['described-by', told.join(' ')]);
    const sends = /^(submit|image)$/.test(element.type || '') && element.form;
    if (sends) {
      if ([...sends.elements].some((field) => shown(field) && (field.type === 'password' || /one-time-code/.test(field.autocomplete || '')))) attributes.push(['form-asks', 'password']);
      // The input that it sends: of a form with one button any field, of a larger form a field in the same row.
      const buttons = [...sends.elements].filter((e) => /^(submit|image)$/.test(e.type || ''));
      const beside = buttons.length === 1 ? sends : element.closest('tr,li,fieldset,[role=row],[role=listitem]');
      const written = (e) => e.localName === 'textarea' || (e.localName === 'input' && /^(text|email|tel|url|number|date|datetime-local)$/.test(e.type));
      const field = [...sends.elements].find((e) => written(e) && shown(e) && !e.readOnly && !e.disabled && beside && beside.contains(e));
      if (field) attributes.push(['form-filled-in', squeeze((field.labels && field.labels[0] && field.labels[0].textContent) || field.getAttribute('aria-label') || field.placeholder || field.name).slice(0, 80)]);
      const legend = element.closest('fieldset') && element.closest('fieldset').querySelector('legend');
      const says = squeeze([sends.getAttribute('aria-label'), legend && sends.contains(legend) ? legend.textContent : ''].filter(Boolean).join(' '));
      const called = ['id', 'name', 'class'].map((name) => sends.getAttribute(name) || '').filter(Boolean).join(' ');
      if (says) attributes.push(['form-label', says.slice(0, 200)]);
      if (called) attributes.push(['form-name', called.slice(0, 200)]);
    }
    attributes.sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const row = rowOf(element);
    return {
      tag: element.localName, label: labelOf(element), text: textOf(element), title: squeeze(element.getAttribute('title')),
      kind: element.localName === 'button' || element.localName === 'input' ? (element.type || '') : '', role: element.getAttribute('role') || '',
      address: addressOf(element), attributes: attributes.slice(0, 40), icons: iconsOf(element), form: formOf(element),
      row: row ? textOf(row) : '',
    };
  };
  const off = (element) => Boolean(element.disabled) || element.getAttribute('aria-disabled') === 'true' || Boolean(element.closest('fieldset[disabled],[inert]'));
  return { CANDIDATES, all, shown, textOf, labelOf, describe, rowOf, piecesOf, parentOf, squeeze, off, isPicture, addressOf };
})()
