// Looks once at one frame: where attachments are listed, and all controls. Called repeatedly until the page is quiet.
//
// What a text means is decided in Python (`label_words` and others): `scores` has the known ratings of texts and
// identifiers; unknown ones are returned as `unknown`, to be rated and passed in with the next look. If none is unknown,
// the result is {areas, candidates, loose, …}.
(lib, otherOrders, scores, options) => {
  const STRONG = 0.8;
  const { squeeze, textOf, shown, parentOf, all } = lib;
  const unknown = { texts: new Set(), identifiers: new Set() };
  const plain = (text) => squeeze(text).slice(0, 90);
  const scoreOf = (text) => {
    const key = plain(text);
    if (!key || !/\p{L}/u.test(key)) return 0;
    if (key in scores.texts) return scores.texts[key];
    if (unknown.texts.size < 3000) unknown.texts.add(key);
    return 0;
  };
  const scoreOfIdentifier = (text) => {
    const key = squeeze(text).slice(0, 200);
    if (!key) return 0;
    if (key in scores.identifiers) return scores.identifiers[key];
    if (unknown.identifiers.size < 2000) unknown.identifiers.add(key);
    return 0;
  };

  const FRAMES = 'iframe,frame,object,embed';
  const body = document.body;
  if (!body) return { unknown: { texts: [], identifiers: [] }, ready: document.readyState, areas: [], candidates: [], frames: [], supplier: '', loading: false };
  const NAVIGATION = 'nav,[role=navigation],[role=menubar],[role=menu],footer,[role=contentinfo],[role=banner],[role=search],[role=complementary] nav';
  const inner = (node, selector) => {  // closest() across shadow roots
    for (let at = node; at; at = parentOf(at)) if (at.matches && at.matches(selector)) return at;
    return null;
  };
  // A page's header is navigation; a header inside a section, card or article is that part's heading.
  const isChrome = (node) => {
    if (inner(node, NAVIGATION)) return true;
    const header = inner(node, 'header');
    return Boolean(header) && !inner(header, 'main,[role=main],article,section,form,aside,dialog,[role=dialog],[role=region],[role=tabpanel],li,td') && Boolean(parentOf(header)) && header.querySelectorAll('a').length > 2;
  };
  const isControl = (node) => inner(node, 'a[href],button,[role=button],[role=link],option,select,textarea');
  const contains = (outer, node) => { for (let at = node; at; at = parentOf(at)) if (at === outer) return true; return false; };
  const levelOf = (node) => {
    const match = /^h([1-6])$/.exec(node.localName);
    if (match) return Number(match[1]);
    if (node.getAttribute && node.getAttribute('role') === 'heading') return Number(node.getAttribute('aria-level') || 3);
    return 0;
  };
  const byId = (id, near) => { const root = near.getRootNode(); return (root.getElementById && root.getElementById(id)) || document.getElementById(id); };
  const targetOf = (node) => {
    const ids = [node.getAttribute('aria-controls'), node.getAttribute('data-bs-target'), node.getAttribute('data-target'), node.getAttribute('aria-owns'), node.getAttribute('data-toggle-target')];
    const href = node.getAttribute('href') || '';
    if (/^#[\w-]/.test(href) && !/^#[!/]/.test(href)) ids.push(href);
    for (const raw of ids) {
      for (const id of (raw || '').split(/\s+/)) {
        const found = id && byId(id.replace(/^#/, ''), node);
        if (found && !contains(found, node) && !contains(node, found)) return found;
      }
    }
    return null;
  };

  // --- labels: short texts that may name an area ---------------------------------------------------------------------
  const ownText = (node) => [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data).join(' ').trim();
  const everything = all('*');
  const labels = [];
  for (const node of everything) {
    const name = node.localName;
    if (/^(script|style|template|noscript|svg|path|option|select|textarea|html|head|body|meta|link|input|img|br)$/.test(name)) continue;
    const level = levelOf(node);
    const isTab = node.getAttribute('role') === 'tab' || (name === 'a' && /^#[\w-]/.test(node.getAttribute('href') || '') && Boolean(targetOf(node)));
    const isOpener = name === 'summary' || (node.hasAttribute('aria-expanded') && node.getAttribute('role') !== 'combobox' && !node.hasAttribute('aria-haspopup'));
    const named = node.getAttribute('aria-label');
    if (named && /^(section|div|ul|ol|table|form|article|aside|iframe|fieldset|tbody|main)$/.test(name) && !/^(navigation|menu|menubar|dialog|search|button|link|img)$/.test(node.getAttribute('role') || '')) {
      const score = scoreOf(named);
      if (score) labels.push({ node, text: plain(named), score, level: 0, kind: 'name' });
    }
    let text = '';
    if (level || /^(legend|caption|summary|th|dt|label|figcaption)$/.test(name) || isTab || isOpener) {
      if ((node.textContent || '').length < 600) text = textOf(node, 120);
    } else {
      // A short text of its own, possibly with a badge or an icon inside: <b>Attachments:</b>, <div class=title>…</div>.
      const own = ownText(node);
      if (!own || own.length > 80 || node.childElementCount > 6) continue;
      if ((node.textContent || '').length > 160) continue;
      if (isControl(node) && !isTab && !isOpener) continue;
      if (node.querySelector('a[href],button,input,select,ul,ol,table')) text = own.replace(/[:：]\s*$/, (mark) => mark);
      else text = textOf(node, 120);
    }
    if (!text || text.length > 90) continue;
    const score = scoreOf(text);
    if (score) labels.push({ node, text: plain(text), score, level, kind: isTab ? 'tab' : isOpener ? 'opener' : level ? 'heading' : name });
  }

  // --- the region that a label names ---------------------------------------------------------------------------------
  const substance = (node) => {
    if (node.nodeType === 3) return squeeze(node.data).replace(/[\W\d_]+/gu, '').length > 1;
    if (node.nodeType !== 1) return false;
    if (/^(script|style|template|br|hr|button|input|select|label)$/.test(node.localName)) return false;
    if (node.matches('[role=button],.badge,.count,.counter')) return false;
    if (node.matches('ul,ol,table,iframe,a[href],dl,[role=list],[role=grid],[role=table],object,embed,details')) return true;
    if (node.querySelector('ul,ol,table,iframe,a[href],dl,[role=list],[role=grid],[data-url],[data-filename]')) return true;
    if (node.shadowRoot) return true;
    const text = squeeze(node.textContent);
    if (/^[\s\d()[\]·•|,.:/-]*$/.test(text)) return node.childElementCount > 0 && !text ? node.matches('div,section,p,article,tbody,[id],[class]') && !node.querySelector('button,input,svg,i,img') : false;
    return node.querySelectorAll('button,[role=button],input').length === 0 || text.length > 60;
  };
  const headsLike = (node, label) => {
    // Whether another part begins here, beside the one that the label names.
    if (node.nodeType !== 1) return false;
    const level = label.level;
    const first = levelOf(node) ? node : /^(script|style)$/.test(node.localName) ? null : node.querySelector('h1,h2,h3,h4,h5,h6,[role=heading],legend');
    if (level) {
      return Boolean(first) && levelOf(first) > 0 && levelOf(first) <= level && squeeze(node.textContent).indexOf(squeeze(first.textContent)) < 3;
    }
    if (levelOf(node) || (first && squeeze(node.textContent).indexOf(squeeze(first.textContent)) < 3)) return true;
    const own = label.node;
    const peer = node.localName === own.localName && node.className === own.className ? node : null;
    return Boolean(peer) && (/^(b|strong|dt|th|label|em|u|font)$/.test(own.localName) || Boolean(own.className)) && !node.querySelector('a[href],ul,table') && squeeze(node.textContent).length < 60 && squeeze(node.textContent).length > 1;
  };
  const ACTIVE = '.active,.current,.selected,.is-active,.is-selected,[aria-selected=true],[aria-current]:not([aria-current=false])';
  // A tab without ARIA that is not active: one beside it is marked as active, so the visible panel is not its own.
  const isOtherTab = (node) => {
    for (let at = node, level = 0; at && level < 3; at = parentOf(at), level += 1) {
      const strip = parentOf(at);
      if (!strip || squeeze(at.textContent).length > 60) return false;
      const like = [...strip.children].filter((one) => one !== at && one.localName === at.localName && squeeze(one.textContent).length < 60);
      if (like.some((one) => one.matches(ACTIVE) || one.querySelector(ACTIVE))) return !at.matches(ACTIVE) && !at.querySelector(ACTIVE);
    }
    return false;
  };
  const PRESSED = '[onclick],[ng-click],[data-ng-click],[\\@click],[v-on\\:click],[data-toggle],[data-bs-toggle]';
  // A heading that is pressed to show the part that it names.
  const isPressed = (node) => Boolean(node) && !/^(th|td|label)$/.test(node.localName) && (isOtherTab(node) || node.matches(PRESSED) || Boolean(node.closest('li[onclick]')) || getComputedStyle(node).cursor === 'pointer');
  const shownBehind = (list) => {
    const found = [];
    for (let next = list.nextElementSibling; next; next = next.nextElementSibling) if (shown(next)) found.push(next);
    return found;
  };
  const regionOf = (label) => {
    const node = label.node;
    const name = node.localName;
    if (label.kind === 'name') return [node];
    if (name === 'summary') return parentOf(node) ? [parentOf(node)] : [];
    if (name === 'legend') return [inner(node, 'fieldset') || parentOf(node)];
    if (name === 'caption') return [inner(node, 'table')];
    if (label.kind === 'tab' || label.kind === 'opener') {
      const panel = targetOf(node);
      if (panel) return [panel];
      const by = node.id && document.querySelector(`[aria-labelledby~="${CSS.escape(node.id)}"]`);
      if (by) return [by];
      if (label.kind === 'tab') {
        // Tabs and panels in the same order: <div role=tablist>…</div><div role=tabpanel>…
        const list = inner(node, '[role=tablist]');
        const tabs = list ? [...list.querySelectorAll('[role=tab]')] : [];
        const panels = list && parentOf(list) ? [...parentOf(list).querySelectorAll('[role=tabpanel]')] : [];
        if (tabs.length && tabs.length === panels.length) return [panels[tabs.indexOf(node)]];
        if (panels.length === 1 && node.getAttribute('aria-selected') === 'true') return panels;
        // Without a panel of its own: what is shown behind the tabs is the selected one's.
        return list && !panels.length && node.getAttribute('aria-selected') === 'true' ? shownBehind(list) : [];
      }
    }
    if (node.id) {
      const by = document.querySelector(`[aria-labelledby~="${CSS.escape(node.id)}"]`);
      if (by && by !== node && !by.matches('svg,button,input')) return [by];
    }
    if (name === 'dt') {
      const found = [];
      for (let at = node.nextElementSibling; at && at.localName !== 'dt'; at = at.nextElementSibling) found.push(at);
      return found;
    }
    const cell = inner(node, 'th,td,[role=columnheader]');
    if (cell && cell.localName === 'td' && !label.level && squeeze(cell.textContent) === squeeze(node.textContent)) {
      const row = parentOf(cell);
      const at = row ? [...row.children].indexOf(cell) : 0;
      const below = row && row.parentElement ? [...row.parentElement.children].filter((other) => other !== row && other.children.length === row.children.length) : [];
      const isFirst = row && row.parentElement && row.parentElement.children[0] === row && !row.querySelector('a[href],button,input');
      // A table without header cells: its first row has the headings.
      if (isFirst && row.children.length > 1 && below.some((other) => other.children[at].querySelector('a[href],button,[data-url]'))) return below.map((other) => other.children[at]);
      if (at > 0 && !node.querySelector('a[href]')) return [];  // what is said of something else
    }
    if (cell && squeeze(cell.textContent) === squeeze(node.textContent)) {
      const row = inner(cell, 'tr,[role=row]');
      const table = inner(cell, 'table,[role=table],[role=grid],[role=treegrid]');
      if (row && table) {
        const cells = [...row.children];
        const isColumn = cell.matches('[role=columnheader],[scope=col]') || inner(cell, 'thead') || (cell.localName === 'th' && cells.length > 1 && cells.every((other) => other.localName === 'th'));
        if (isColumn) {
          const at = cells.indexOf(cell);
          const rows = [...table.querySelectorAll('tr,[role=row]')].filter((other) => other !== row && inner(other, 'table,[role=table],[role=grid],[role=treegrid]') === table);
          return rows.map((other) => other.children[at]).filter(Boolean);
        }
      }
    }
    if (name === 'label' && node.htmlFor) {
      const field = byId(node.htmlFor, node);
      if (field && field.type === 'file') return [];
    }
    // The label is in the same element as the part that it names: <p>Attachments: <a>…</a></p>
    if (!label.level && node.querySelector('a[href],[data-url],iframe,ul,ol,table')) return [node];
    if (isOtherTab(node)) return [node];
    let little = null;
    for (let at = node; at && at !== body; at = parentOf(at)) {
      const parent = parentOf(at);
      if (!parent || !at.parentNode) break;
      const rest = [];
      let stopped = false;
      for (let next = at.nextSibling; next; next = next.nextSibling) {
        if (next.nodeType === 1 && next.matches('footer,[role=contentinfo]') && !inner(next, 'section,article,aside,dialog,li,td,fieldset,[role=region],[role=tabpanel]')) { stopped = true; break; }
        if (headsLike(next, { ...label, node: at === node ? node : at, level: label.level })) { stopped = true; break; }
        rest.push(next);
      }
      if (rest.some(substance)) return rest.filter((one) => one.nodeType === 1);
      if (!little && rest.some((one) => one.nodeType === 1 && (one.matches('form,button,input,[role=button],[role=link],[tabindex]') || one.querySelector('button,input,[role=button],[role=link],[tabindex]')))) little = rest.filter((one) => one.nodeType === 1);
      const before = [...(at.parentNode.childNodes)].some((one) => one !== at && one.nodeType === 1 && (levelOf(one) || one.querySelector('h1,h2,h3,h4,h5,h6')) && !contains(at, one));
      if (stopped || before || parent === body || parent.matches('main,[role=main],body')) return little || [at];
    }
    return little || [node];
  };

  const isOtherOrders = otherOrders(lib, { everything, levelOf, ownText }, options);

  // --- areas ---------------------------------------------------------------------------------------------------------
  const areas = [];
  const LIST = 'table,ul,ol,dl,[role=list],[role=table],[role=grid],[role=treegrid],[role=listbox]';
  const PAGING = '[class*=paginat i],[class*=pager i],[class*=paging i],[role=navigation],nav';
  const pages = (node) => {
    const text = squeeze(node.textContent);
    if (text.length > 80 || !/\d/.test(text) || node.matches(LIST) && !node.matches('ul,ol')) return false;
    const steps = [...node.querySelectorAll('a,button,select,[role=button]')];
    return steps.length > 0 && (Boolean(node.matches(PAGING) || node.querySelector('select')) || steps.every((step) => !/\p{L}{12}/u.test(step.textContent)) && /^[\s\d.…|‹›«»<>/-]+$/.test(text));
  };
  const put = (roots, label, score, kind, opener = null, header = null) => {
    const real = [...new Set(roots.filter((root) => root && root !== document.documentElement))];
    if (!real.length || real.some((root) => root === body && kind !== 'frame')) return;
    if (real.some((root) => root.matches('main,[role=main]') || (root.querySelector('h1,main,[role=main]') && kind !== 'frame' && kind !== 'tab'))) return;
    const known = areas.find((area) => area.roots.length === real.length && area.roots.every((root, at) => root === real[at]));
    if (known) {
      if (score > known.score || (!known.label && label)) { known.score = Math.max(score, known.score); known.label = known.label || label; }
      known.opener = known.opener || opener;
      known.headers.push(header);
      return;
    }
    if (kind !== 'frame' && isOtherOrders(real, label, header)) return;
    // The list's paging may follow right behind it.
    let end = real[real.length - 1];
    while (kind !== 'frame' && !end.nextElementSibling && end.parentElement && !end.parentElement.matches('main,[role=main],body,td')) end = end.parentElement;
    const pager = end.nextElementSibling;
    if (kind !== 'frame' && pager && pages(pager)) real.push(pager);
    // The part that a heading names ends with its list; what follows may be anything, such as the page's footer.
    const isList = (root) => root.matches(LIST) || Boolean(root.querySelector(LIST));
    const first = real.length > 1 ? real.findIndex(isList) : -1;
    const tail = first < 0 ? [] : real.slice(first + 1).filter((root) => !isList(root));
    areas.push({ roots: real, label, score, kind, opener, headers: [header], tail });
  };
  for (const label of labels) {
    if (label.score <= 0.3 && !(label.level || label.kind === 'tab' || label.kind === 'name' || label.kind === 'legend' || label.kind === 'summary' || label.kind === 'opener' || label.kind === 'div' || label.kind === 'span')) continue;
    if (label.kind !== 'tab' && isChrome(label.node)) continue;
    if (label.kind === 'tab' && inner(label.node, 'footer,[role=contentinfo]')) continue;
    if (label.kind !== 'name' && label.kind !== 'tab' && label.kind !== 'opener' && !shown(label.node)) continue;
    put(regionOf(label), label.text, label.score, label.kind, label.kind === 'tab' || label.kind === 'opener' ? label.node : null, label.node);
  }
  for (const node of everything) {
    if (!/^(section|div|ul|ol|table|tbody|form|fieldset|aside|article|td|dl|p|main)$/.test(node.localName) && !node.localName.includes('-')) continue;
    const identifier = [node.id, typeof node.className === 'string' ? node.className : '', node.getAttribute('data-testid'), node.getAttribute('data-test'), node.getAttribute('data-section'), node.localName.includes('-') ? node.localName : ''].filter(Boolean).join(' ');
    if (!identifier) continue;
    const score = scoreOfIdentifier(identifier);
    if (!score || isChrome(node) || isControl(node)) continue;
    if (!shown(node) && !areas.some((area) => area.roots.some((root) => contains(root, node)))) {
      const opener = node.id && document.querySelector(`[aria-controls~="${CSS.escape(node.id)}"],[href="#${CSS.escape(node.id)}"],[data-bs-target="#${CSS.escape(node.id)}"]`);
      if (!opener) continue;
    }
    put([node], '', score * 0.9, 'identifier');
  }
  if (options.whole) put([body], options.whole, 1, 'frame');

  // An inner area is more exact than the one around it; a weak topic counts only if there is nothing stronger.
  const inside = (area, other) => area !== other && area.roots.every((root) => other.roots.some((outer) => (outer !== root || other.roots.length > area.roots.length) && contains(outer, root)));
  const counted = areas;

  // --- candidates ----------------------------------------------------------------------------------------------------
  const candidates = [];
  const rows = [];
  const rowIndex = (element) => {
    const row = lib.rowOf(element);
    if (!row) return -1;
    const at = rows.indexOf(row);
    return at >= 0 ? at : rows.push(row) - 1;
  };
  const elements = all(lib.CANDIDATES);
  const seen = new Set();
  const areaOf = (element) => {
    let best = -1;
    counted.forEach((area, at) => {
      if (!area.roots.some((root) => contains(root, element))) return;
      if (best < 0 || inside(area, counted[best])) best = at;
    });
    return best;
  };
  const isBehindHeading = (area) => !area.roots.some(shown) && area.kind !== 'name' && area.headers.some((header) => isPressed(header) && shown(header));
  const closedBy = (element, area) => {
    if (isBehindHeading(counted[area])) return true;
    for (let at = element; at && at !== body; at = parentOf(at)) {
      if (at.localName === 'details' && !at.open) return true;
      if (at.getAttribute('role') === 'tabpanel') return !shown(at);
      if (at.id && document.querySelector(`[aria-controls~="${CSS.escape(at.id)}"],[data-bs-target="#${CSS.escape(at.id)}"],[data-target="#${CSS.escape(at.id)}"],a[href="#${CSS.escape(at.id)}"]`)) return !shown(at);
    }
    return false;
  };
  const tagOf = new Map();
  for (const element of elements) {
    if (candidates.length >= 3000) break;
    if (element.localName === 'a' && !element.hasAttribute('href') && !element.matches('[onclick],[ng-click],[data-ng-click],[role],[data-url],[data-href],[tabindex],[data-filename],[\\@click],[v-on\\:click]') && getComputedStyle(element).cursor !== 'pointer') continue;
    // A control inside another, such as a span with a handler inside a link, is the same control.
    if ([...elements].length < 400 && element.parentElement && inner(parentOf(element), 'a[href],button')) continue;
    if (seen.has(element)) continue;
    seen.add(element);
    const area = areaOf(element);
    const isOpener = counted.some((one) => one.opener === element);
    const loose = area < 0 && !isOpener;
    if (loose && (isChrome(element) || inner(element, 'aside,[role=complementary]'))) continue;
    const visible = shown(element);
    const closed = !visible && area >= 0 && closedBy(element, area);
    if (!visible && !closed && !isOpener) continue;
    if (loose && !/^(a|area|object|embed)$/.test(element.localName)) {
      const text = element.hasAttribute('aria-expanded') || element.hasAttribute('aria-controls') || lib.addressOf(element);
      if (!text && candidates.length > 600) continue;
    }
    const is = lib.describe(element);
    const panel = targetOf(element);
    const governs = panel ? counted.findIndex((one) => one.roots.some((root) => contains(panel, root) || contains(root, panel))) : element.localName === 'summary' ? areaOf(parentOf(element) || element) : counted.findIndex((one) => one.opener === element);
    candidates.push({
      is, area, row: rowIndex(element), beside: parentOf(element) ? ownText(parentOf(element)).replace(/\s+/g, ' ').slice(0, 120) : '', tail: area >= 0 && counted[area].tail.some((root) => contains(root, element)), shown: visible, closed, off: lib.off(element), loose,
      opener: isOpener, governs,
      expanded: element.localName === 'summary' ? (parentOf(element) && parentOf(element).open ? 'true' : 'false') : element.getAttribute('aria-expanded') || element.getAttribute('aria-selected') || '',
      current: element.matches('[aria-current],.active,.current,.selected') || Boolean(inner(element, '[aria-current],li.active,li.current,li.disabled')),
      paging: Boolean(inner(element, '[class*=paginat],[class*=pager],[class*=paging],[aria-label*=agination],[role=navigation],nav')),
      group: tagOf.has(parentOf(element)) ? tagOf.get(parentOf(element)) : tagOf.set(parentOf(element), tagOf.size).size - 1,
      filename: element.getAttribute('data-filename') || element.getAttribute('data-file-name') || element.getAttribute('data-name') || '',
    });
  }

  // --- texts of the areas --------------------------------------------------------------------------------------------
  const BUSY = '[aria-busy=true],[role=progressbar]:not([aria-valuenow]),[class*=skeleton i],[class*=spinner i],[class*=shimmer i],.loading,.loader,.is-loading,.placeholder-glow,progress:not([value])';
  const textsIn = (roots) => {
    const found = new Set();
    for (const root of roots) {
      for (const node of [root, ...all('*', root)]) {
        if (found.size >= 60) break;
        if (/^(script|style|template|option)$/.test(node.localName)) continue;
        const own = ownText(node);
        if (own && own.length <= 160 && shown(node)) found.add(squeeze(node.childElementCount && node.childElementCount < 6 ? textOf(node, 160) : own));
      }
    }
    return [...found];
  };
  // What an area says first: not what its headers, controls and places to upload to say.
  const NO_STATEMENT = 'button,[role=button],a,label,th,legend,summary,option,[class*=drop i],[class*=upload i]';
  const statementOf = (area) => {
    for (const root of area.roots) {
      for (const node of [root, ...all('*', root)]) {
        if (/^(script|style|template|option)$/.test(node.localName) || !ownText(node) || !shown(node)) continue;
        if (inner(node, NO_STATEMENT) || area.headers.some((header) => header && contains(header, node))) continue;
        const said = squeeze(node.childElementCount ? ownText(node) : textOf(node, 160));
        if (said !== area.label) return said;
      }
    }
    return '';
  };
  const badgesOf = (header, roots) => {
    if (!header) return [];
    const found = [];
    const box = header.matches('th,td') ? header : header.localName === 'summary' || levelOf(header) ? (parentOf(header) && parentOf(header) !== body && squeeze(parentOf(header).textContent).length < 120 ? parentOf(header) : header) : header;
    for (const node of [box, ...box.querySelectorAll('*')]) {
      if (node !== header && !contains(header, node) && roots.some((root) => contains(root, node) && !contains(root, header))) continue;
      const text = squeeze(node.textContent);
      if (/^\(?\d{1,4}\)?$/.test(text) && !node.querySelector('*') && shown(node) && !isControl(node.parentElement || node)) found.push(text.replace(/\D/g, ''));
      else if (/^\(?\d{1,4}\)?$/.test(text) && header.contains(node) && shown(node) && !node.querySelector('*')) found.push(text.replace(/\D/g, ''));
      if (node.hasAttribute('data-count')) found.push(node.getAttribute('data-count'));
    }
    return found;
  };
  // Content of an area that cannot be read: images, videos, drawings, closed shadow roots; not its icons.
  const unreadable = (area, hasText) => {
    let count = 0;
    for (const root of area.roots) {
      for (const node of [root, ...all('*', root)]) {
        const isMedia = /^(img|canvas|video|audio)$/.test(node.localName);
        const isSealed = node.localName.includes('-') && !node.shadowRoot && !node.childElementCount && !squeeze(node.textContent);
        if ((!isMedia && !isSealed) || !shown(node) || isControl(node) || area.headers.some((header) => header && header !== root && contains(header, node))) continue;
        if (inner(node, 'h1,h2,h3,h4,h5,h6,th,legend,summary,label,[role=heading]')) continue;
        const { width, height } = node.getBoundingClientRect();
        const least = isSealed || !hasText ? 4 : 48;
        if (width >= least && height >= least) count += 1;
      }
    }
    return count;
  };
  // Tabs that split a list and whose panels do not exist until pressed; not tabs of which one is the list's own.
  const unfetched = (roots) => {
    let count = 0;
    const within = (selector) => roots.flatMap((root) => [...(root.matches(selector) ? [root] : []), ...all(selector, root)]);
    for (const list of within('[role=tablist]')) {
      const tabs = [...list.querySelectorAll('[role=tab]')];
      const panels = within('[role=tabpanel]').filter((panel) => !contains(list, panel));
      if (!panels.length || panels.length >= tabs.length || tabs.some((tab) => scoreOf(textOf(tab, 120)) > 0)) continue;
      count += tabs.filter((tab) => tab.getAttribute('aria-selected') === 'false' && shown(tab) && !targetOf(tab) && !lib.addressOf(tab)).length;
    }
    return count;
  };
  const stateOf = (area) => {
    const rootsBusy = area.roots.some((root) => (root.matches(BUSY) && shown(root)) || all(BUSY, root).some((one) => shown(one) && one.getClientRects().length));
    const isShown = area.roots.some(shown);
    const scroller = area.roots.some((root) => {
      for (let at = root; at && at !== document.documentElement; at = parentOf(at)) {
        if (at.scrollHeight > at.clientHeight + 4 && /(auto|scroll)/.test(getComputedStyle(at).overflowY)) return true;
      }
      return root.getBoundingClientRect().bottom > innerHeight;
    });
    const texts = textsIn(area.roots);
    const said = texts.some((text) => !area.headers.some((header) => header && squeeze(header.textContent).includes(text)));
    return {
      unreadable: isShown ? unreadable(area, said) : 0, said,
      options: area.roots.flatMap((root) => all('option', root)).filter((one) => !inner(one, '[hidden]')).map((one) => squeeze(one.textContent)).filter(Boolean).slice(0, 60),
      sealed: (!isShown && Boolean(area.opener) && shown(area.opener)) || (!said && !area.roots.some((root) => [root, ...all(LIST, root)].some((one) => one.matches(LIST) && shown(one))) && area.headers.some((header) => isPressed(header) && shown(header))),
      branches: area.roots.flatMap((root) => all('[role=treeitem][aria-expanded=false]', root)).filter(shown).length + unfetched(area.roots),
      pages: area.roots.flatMap((root) => [root, ...all('*', root)]).filter((one) => (one.matches(PAGING) || (one.localName !== 'select' && [...one.children].some((child) => child.localName === 'select'))) && shown(one) && squeeze(one.textContent).length < 160).map((one) => textOf(one, 80)).filter(Boolean).slice(0, 8),
      failed: area.roots.some((root) => [root, ...all('[role=alert],.error,.alert-danger,.alert-error,.is-danger,.text-danger', root)].some((one) => one.matches('[role=alert],.error,.alert-danger,.alert-error,.is-danger,.text-danger') && shown(one) && squeeze(one.textContent).length > 3)),
      label: area.label, score: area.score, kind: area.kind, shown: isShown, busy: rootsBusy, texts, statement: statementOf(area), scrolls: scroller,
      badges: [...new Set(area.headers.flatMap((header) => badgesOf(header, area.roots)))].concat(area.roots.map((root) => root.getAttribute('data-count')).filter(Boolean)),
      inside: counted.findIndex((other) => inside(area, other)),
      frames: area.roots.reduce((sum, root) => sum + (root.matches(FRAMES) ? 1 : all(FRAMES, root).length), 0),
      columns: area.kind === 'th',
    };
  };
  const frames = all(FRAMES).map((element) => ({
    area: areaOf(element), label: counted[areaOf(element)] ? counted[areaOf(element)].label : '',
    named: element.title || element.getAttribute('aria-label') ? Math.max(scoreOf(element.title || ''), scoreOf(element.getAttribute('aria-label') || '')) : scoreOfIdentifier([element.name, element.id].filter(Boolean).join(' ')),
    title: squeeze(element.title || element.getAttribute('aria-label') || ''), shown: shown(element),
  }));
  // Numbers that are named by a title or a picture beside them, such as a paperclip with 3: of the page's own record.
  const counts = [];
  for (const node of everything) {
    if (counts.length >= 40) break;
    const text = squeeze(ownText(node));
    if (!/^[(\[]?\d{1,4}[)\]]?$/.test(text) || !shown(node) || isChrome(node) || inner(node, 'aside,[role=complementary],tr,li,dd,[role=row],[role=listitem],[role=tab],a[href],button,[role=button]')) continue;
    const near = squeeze(node.textContent) === squeeze(textOf(parentOf(node) || node, 40)) ? [node, parentOf(node)] : [node];
    const pictures = near.flatMap((one) => [...one.children].filter((child) => lib.isPicture(child)));
    const said = [...near, ...pictures].flatMap((one) => [one.getAttribute('title'), one.getAttribute('aria-label'), one.getAttribute('alt')]).map(squeeze).filter(Boolean);
    const icons = pictures.map((one) => squeeze(`${one.getAttribute('class') || ''} ${(one.getAttribute('src') || '').split('/').pop()} ${lib.isPicture(one) && one.localName !== 'svg' ? one.textContent : ''}`)).filter(Boolean);
    if (said.length || icons.length) counts.push({ number: text.replace(/\D/g, ''), said: [...new Set(said)], icons: [...new Set(icons)] });
  }
  const supplier = document.querySelector('.supplier-name,[itemprop=seller],[data-field=supplier],#supplier .name');
  const main = document.querySelector('main,[role=main]') || body;
  if (unknown.texts.size || unknown.identifiers.size) {
    return { unknown: { texts: [...unknown.texts], identifiers: [...unknown.identifiers] }, ready: document.readyState };
  }
  return {
    unknown: null, ready: document.readyState, areas: counted.map(stateOf), candidates, frames, counts,
    rows: rows.map((row) => textOf(row, 400)), pieces: rows.map((row) => lib.piecesOf(row)), pictures: rows.map(lib.picturesOf), supplier: supplier ? squeeze(supplier.innerText) : '',
    busy: Boolean(main.matches(BUSY) || [...main.querySelectorAll(BUSY)].some((one) => shown(one) && one.getClientRects().length)),
    empty: textOf(main, 40).length < 20,
  };
}
