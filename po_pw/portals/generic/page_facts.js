// Looks once at one document: what distinguishes an order's page from a sign-in, an error, a home page or a challenge.
// Returns plain JSON and decides nothing. `lib` is the object of po_pw/browser/controls.js.
(lib) => {
  const MOST_ELEMENTS = 20000, MOST_TEXT = 20000, MOST_FIELDS = 100, MOST_FEATURES = 1500, DEEPEST = 40;
  const squeeze = lib.squeeze;
  // Not `form.action`: a field with that name would replace it.
  const actionOf = (form) => { try { return new URL(form.getAttribute('action') || location.href, document.baseURI).href; } catch { return ''; } };
  const words = (text) => squeeze(text).replace(/\d+/g, '').replace(/\s+/g, ' ').trim().toLowerCase().slice(0, 60);

  // The parts of the site around the content.
  const SITES = 'nav,footer,aside,[role=navigation],[role=contentinfo],[role=complementary],[role=banner],[role=search]';
  const CHROME_NAME = /^(nav|navbar|navigation|topnav|sidenav|sidebar|side-bar|topbar|top-bar|breadcrumbs?|footer|site-footer|site-header|page-footer|menu|main-menu|menubar|skip-links?|cookie-?(banner|bar|notice|consent))$/i;
  const isChrome = (element) => {
    const name = element.localName;
    if (name === 'body' || name === 'main' || name === 'html') return false;
    if (element.matches(SITES)) return true;
    if (name === 'header' && !element.parentElement?.closest('main,article,section,dialog,[role=main],[role=dialog]')) {
      return Boolean(element.querySelector('nav,[role=navigation]')) || element.querySelectorAll('a').length >= 4;
    }
    if (element.querySelector && CHROME_NAME.test(element.id || '')) return !element.querySelector('main,[role=main]');
    return [...element.classList].some((one) => CHROME_NAME.test(one)) && !element.querySelector('main,[role=main]');
  };
  const visible = (element) => !element.checkVisibility || element.checkVisibility({ visibilityProperty: true });
  // Not by opacity: in an invisible window, content may never finish fading in.

  // Visits all visible elements once, including open shadow roots.
  const content = [], chrome = [];
  const features = new Set();
  let text = '', count = 0;
  const SILENT = /^(script|style|template|noscript|head|svg|title|link|meta)$/;
  const walk = (node, inChrome, depth) => {
    if (node.nodeType === 3) {
      if (!inChrome && text.length < MOST_TEXT) text += node.data;
      return;
    }
    if (node.nodeType === 1) {
      if (SILENT.test(node.localName) || ++count > MOST_ELEMENTS) return;
      if (node.localName !== 'html' && node.localName !== 'body' && !visible(node) && getComputedStyle(node).display !== 'contents') return;
      inChrome = inChrome || isChrome(node);
      (inChrome ? chrome : content).push(node);
      if (!inChrome && depth < DEEPEST && features.size < MOST_FEATURES && node.localName !== 'body' && node.localName !== 'html') {
        const classes = [...node.classList].filter((one) => !/\d/.test(one) && one.length < 40 && !/^(active|open|show|hidden|focus|hover|selected|loaded|js|is-|has-)/.test(one)).sort().slice(0, 4);
        if (classes.length) features.add(`c:${node.localName}.${classes.join('.')}`);
        if (node.id && !/\d/.test(node.id) && node.id.length < 40) features.add(`i:${node.id}`);
        if (!classes.length && !node.id && /^(table|dl|form|article|section|fieldset|ul|ol|h1|h2|h3|pre)$/.test(node.localName)) features.add(`t:${node.localName}`);
      }
      if (!inChrome && text.length < MOST_TEXT) text += ' ';
      if (node.localName === 'slot' && node.assignedNodes().length) { for (const child of node.assignedNodes()) walk(child, inChrome, depth + 1); return; }
      for (const child of (node.shadowRoot || node).childNodes) walk(child, inChrome, depth + 1);
      if (!inChrome && text.length < MOST_TEXT) text += ' ';
      return;
    }
    for (const child of node.childNodes || []) walk(child, inChrome, depth);
  };
  if (document.documentElement) walk(document.documentElement, false, 0);
  text = squeeze(text).slice(0, MOST_TEXT);
  const inContent = new Set(content), inChrome = new Set(chrome);
  const textOf = (element, most = 200) => lib.textOf(element, most);

  const headings = [];
  const isTop = (element) => element.localName === 'h1' || (element.getAttribute('role') === 'heading' && element.getAttribute('aria-level') === '1');
  // A page's own title is sometimes in the site's bar.
  const barred = content.some(isTop) ? [] : chrome.filter((element) => isTop(element) && !element.closest('nav,footer,aside'));
  for (const element of [...barred, ...content]) {
    const level = /^h[1-3]$/.test(element.localName) ? Number(element.localName[1]) : element.getAttribute('role') === 'heading' ? Number(element.getAttribute('aria-level') || 2) : 0;
    if (!level || level > 3 || headings.length >= 40) continue;
    const said = textOf(element);
    if (said) { headings.push([level, said]); features.add(`h:${words(said)}`); }
  }

  // Forms that ask for credentials.
  const shownInput = (element) => inContent.has(element) || inChrome.has(element);
  const TEXTUAL = /^(text|email|tel|password|number|url|search|)$/;
  const USER_NAME = /user|login|logon|e-?mail|account|identifier|benutzer|usuario|utilisateur|usager|utente/i;
  const RELAY = /^(SAMLRequest|SAMLResponse|wresult|id_token|RelayState|wctx)$/;
  const groups = new Map();
  for (const input of lib.all('input,textarea,select')) {
    const root = input.form || input.closest('dialog,[role=dialog],section,article,main') || document.body;
    if (!groups.has(root)) groups.set(root, []);
    groups.get(root).push(input);
  }
  const viewport = Math.max(1, innerWidth * innerHeight);
  const share = (element) => { const box = element.getBoundingClientRect(); return Math.min(1, (box.width * box.height) / viewport); };
  const covering = (element) => {
    for (let node = element; node && node !== document.body; node = lib.parentOf(node)) {
      if (node.matches('dialog,[role=dialog],[aria-modal=true]')) return true;
      const style = getComputedStyle(node);
      if (style.position === 'fixed' && share(node) > 0.5) return true;
    }
    return false;
  };
  const forms = [], asking = new Set();
  for (const [root, inputs] of groups) {
    const kinds = new Set();
    let others = 0, names = 0;
    const relay = inputs.filter((one) => one.type === 'hidden' && RELAY.test(one.name));
    if (relay.some((one) => one.name !== 'RelayState' && one.name !== 'wctx')) kinds.add('relay');
    for (const input of inputs) {
      if (input.type === 'hidden' || !shownInput(input) || input.disabled) continue;
      const complete = (input.getAttribute('autocomplete') || '').toLowerCase();
      const own = `${input.name} ${input.id}`;
      if (/one-time-code/.test(complete)) kinds.add('code');
      else if (input.type === 'password') {
        if (/new-password/.test(complete)) kinds.add('new-password');
        else if (input.inputMode === 'numeric' || (input.maxLength > 0 && input.maxLength <= 8)) kinds.add('pin');
        else kinds.add('password');
      } else if (/\busername\b|\bwebauthn\b/.test(complete)) { kinds.add('username'); names++; }
      else if (input.type === 'email') { kinds.add('email'); names++; }
      else if (TEXTUAL.test(input.type) && input.localName === 'input' && USER_NAME.test(own)) { kinds.add('name'); names++; }
      else if (!/^(submit|button|image|reset|checkbox|radio)$/.test(input.type)) others++;
    }
    if (kinds.has('password') && others === 1 && !names) { kinds.add('name'); others = 0; }
    if (!kinds.size) continue;
    const first = inputs.find((one) => shownInput(one) && one.type !== 'hidden') || null;
    asking.add(root);
    forms.push({
      kinds: [...kinds].sort(), in_content: first ? inContent.has(first) : true, modal: Boolean(first && covering(first)), others,
      text: root === document.body ? 0 : textOf(root, 2000).length, action: root.localName === 'form' ? actionOf(root) : '',
    });
  }

  // Labels and their values.
  const fields = [];
  const add = (label, value) => {
    label = squeeze(label).replace(/\s*[:：]$/, ''); value = squeeze(value);
    if (!label || label.length > 60 || value.length > 120 || fields.length >= MOST_FIELDS) return;
    features.add(`l:${words(label)}`);
    if (value && !fields.some((one) => one[0] === label && one[1] === value)) fields.push([label, value]);
  };
  const asks = (element) => element.form ? asking.has(element.form) : [...asking].some((one) => one !== document.body && one.contains(element));
  for (const element of content) {
    if (fields.length >= MOST_FIELDS) break;
    const name = element.localName;
    if (name === 'dt') {
      let next = element.nextElementSibling;
      while (next && next.localName === 'dt') next = next.nextElementSibling;
      if (next && next.localName === 'dd') add(textOf(element), textOf(next));
    } else if (name === 'tr') {
      const cells = [...element.children].filter((one) => /^t[hd]$/.test(one.localName));
      for (let index = 0; index + 1 < cells.length && cells.length <= 8; index++) {
        if (cells[index].localName === 'th' && cells[index + 1].localName === 'td') add(textOf(cells[index]), textOf(cells[index + 1]));
      }
      const table = element.closest('table');
      if (cells.length === 2 && cells.every((one) => one.localName === 'td') && table && !table.querySelector('th,table')) add(textOf(cells[0]), textOf(cells[1]));
    } else if (name === 'table') {
      const rows = [...element.querySelectorAll('tr')].filter((one) => one.closest('table') === element);
      const heads = rows[0] ? [...rows[0].children] : [];
      if (rows.length === 2 && heads.length > 1 && heads.every((one) => one.localName === 'th')) {
        const cells = [...rows[1].children];
        heads.forEach((head, index) => { if (cells[index] && cells[index].localName === 'td') add(textOf(head), textOf(cells[index])); });
      }
    } else if (name === 'input' || name === 'select' || name === 'textarea' || name === 'output') {
      if (/^(hidden|password|submit|button|image|reset|checkbox|radio|file|search)$/.test(element.type) || asks(element)) continue;
      const value = name === 'select' ? (element.selectedOptions[0] ? element.selectedOptions[0].textContent : '') : element.value;
      const label = element.labels && element.labels[0] ? textOf(element.labels[0]) : element.getAttribute('aria-label') || '';
      if (label) add(label, value);
    } else if (element.children.length === 2 && element.childElementCount === 2 && !/^(form|body|html|main|ul|ol|table|tbody|thead|select)$/.test(name)) {
      const [one, two] = element.children;
      if (/^(button|input|select|script|style|svg|img|br)$/.test(one.localName) || /^(button|input|select|script|style|svg|img)$/.test(two.localName)) continue;
      const own = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join('').trim();
      const label = squeeze(one.textContent);
      if (!own.replace(/[:：]/g, '') && label && label.length <= 40 && !/\d/.test(label) && !one.querySelector('a,button') && squeeze(two.textContent).length <= 80) add(textOf(one), textOf(two));
    } else if (element.childElementCount <= 1) {
      const said = squeeze(element.textContent);
      const found = said.length <= 120 && said.match(/^([^:：]{2,40}?)\s*[:：]\s*(\S.{0,80})$/);
      if (found && !/^https?$/i.test(found[1]) && !/\d$/.test(found[1])) add(found[1], found[2]);
    }
  }

  // Controls that may sign in or out; their labels are rated later.
  const controls = [];
  for (const element of lib.all('a,button,input[type=submit],input[type=button],summary,[role=button],[role=link],[role=menuitem]')) {
    if (controls.length >= 400) break;
    const isShown = shownInput(element);
    const label = squeeze(lib.labelOf(element));
    if (!label && !element.id) continue;
    if (label.length > 60) continue;
    // A control to sign out is often in a closed menu; one to sign in counts only if it is visible.
    controls.push({ label, address: lib.addressOf(element), shown: isShown, in_content: inContent.has(element) && !covering(element), modal: isShown && covering(element), form: element.form ? actionOf(element.form) : '', id: `${element.id} ${element.getAttribute('name') || ''} ${element.className && element.className.baseVal === undefined ? element.className : ''}`.trim().slice(0, 80) });
  }

  // Challenges that must be solved first; badges do not count.
  const CHALLENGE_FRAME = /captcha|challenges\.cloudflare|arkoselabs|funcaptcha|datadome|perimeterx|geetest/i;
  const challenges = lib.all('iframe,#challenge-form,#challenge-running,#px-captcha,.cf-turnstile,.g-recaptcha,.h-captcha,[id^=cf-chl]').filter((element) => {
    if (element.closest('.grecaptcha-badge') || !shownInput(element)) return false;
    const box = element.getBoundingClientRect();
    if (box.bottom <= 0 || box.right <= 0) return false;
    if (element.localName === 'iframe') {
      if (!CHALLENGE_FRAME.test(`${element.src} ${element.title}`)) return false;
      const badge = box.width <= 260 && box.height <= 64 && (getComputedStyle(element.parentElement).position === 'fixed' || box.bottom > innerHeight - 100);
      if (/[?&]size=invisible/.test(element.src) && box.width * box.height < viewport * 0.1) return false;
      if (badge) return false;
    }
    if (element.getAttribute('data-size') === 'invisible') return false;
    return element.id === 'challenge-form' || element.id === 'challenge-running' || (box.width >= 200 && box.height >= 50);
  }).map((element) => ({ share: share(element), covering: covering(element) || getComputedStyle(element).position === 'fixed' && share(element) > 0.4 }));

  const alerts = content.filter((element) => element.matches('[role=alert],[role=alertdialog],#flash,#flash-messages,.flash,.alert-danger,.alert-error,.error-page,.error-message,[data-testid*=error]') && !element.matches('[role=alert] *')).map((element) => textOf(element, 1000)).filter(Boolean).slice(0, 10);
  const canonical = document.querySelector('link[rel~=canonical]');
  const og = document.querySelector('meta[property="og:url"]');
  return {
    url: location.href, title: squeeze(document.title).slice(0, 300), canonical: canonical ? canonical.href : og ? og.content : '',
    headings, fields, text, forms, controls, challenges, alerts, features: [...features], window: [innerWidth, innerHeight],
  };
}
