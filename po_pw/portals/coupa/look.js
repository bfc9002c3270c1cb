// Looks once at a page of Coupa: which page it is, and all attachments on it. Returns plain JSON and decides nothing.
// Uses structure only: the interface has 24 languages, and tenants change its wording. `lib` is the object of
// po_pw/browser/controls.js.
(lib) => {
  const { squeeze, shown, all, textOf, describe } = lib;
  const root = document.documentElement;
  const one = (selector) => document.querySelector(selector);
  const absolute = (text) => { try { return new URL(text, document.baseURI).href; } catch { return ''; } };

  // --- the page ----------------------------------------------------------------------------------------------------------
  const asks = all('#user_email,#user_login,#user_password,input[type=password],[autocomplete=one-time-code]').some(shown);
  const flash = all('#flash_container .esErrorFlashMessages').filter(shown).map((node) => textOf(node, 300)).filter(Boolean);
  const headings = all('h1,h2').filter(shown).map((node) => textOf(node, 200)).filter(Boolean).slice(0, 6);
  const heading = one('h1#pageHeader');

  // --- attachments -----------------------------------------------------------------------------------------------------
  const LISTS = 'ul.attachments-list,ul.attachments__list,ul.s-attachmentList';
  const PLACES = `.attachments,.commentAttachments,.lineAttachments,${LISTS}`;
  const ADDS = '.s-addFile,.s-addUrl,.s-addText,.file-attachment,.url-attachment,.text-attachment,[class*=addAttachment i],[class*=add-attachment i]';
  const FILE = /\/attachment\/attachment_file\/[^/]+\/(\d+)(?:\/([^/?#]*))?/;
  const ADDRESSES = ['href', 'data-url', 'data-href'];
  const addressesOf = (node) => ADDRESSES.map((name) => node.getAttribute(name)).filter(Boolean).map(absolute);
  const isFile = (address) => FILE.test(new URL(address).pathname);
  const sectionOf = (node) => {
    if (node.closest('.lineAttachments,#order_line_table_section')) return 'lines';
    if (node.closest('#comments,.commentsSection,.commentAttachments')) return 'comments';
    return 'header';
  };
  // A button that downloads a file without an address: its label contains its title, the file's name, in any language.
  const pressOf = (node) => {
    const label = squeeze(node.getAttribute('aria-label')), title = squeeze(node.getAttribute('title'));
    return title && label.includes(title) && !addressesOf(node).length ? title : '';
  };
  const entries = [], taken = new Set(), left = [];
  const add = (row, kind, shape, control, ways, more = {}) => {
    taken.add(row);
    entries.push({
      kind, shape, section: sectionOf(row), shown: shown(row), is: describe(control), name: '', text: textOf(row, 500),
      ways: [...new Set(ways)], off: lib.off(control), ...more,
    });
  };
  const within = (row, selector) => [...(row.matches(selector) ? [row] : []), ...row.querySelectorAll(selector)];
  // Controls that change an attachment.
  const DEEDS = '[data-method],[data-confirm],[data-remote],[onclick],[href="#"],[rel~=nofollow],[class*=delete i],[class*=remove i],[class*=edit i]';
  const read = (row) => {
    const addressed = within(row, 'a,[data-url],[data-href]').filter((node) => !node.closest(ADDS) && addressesOf(node).length);
    const files = addressed.filter((node) => addressesOf(node).some(isFile));
    const presses = within(row, '[role=button],button').filter((node) => !node.closest(ADDS) && pressOf(node));
    if (files.length) {
      const first = files.find((node) => node.localName === 'a') || files[0];
      const shape = first.localName === 'a' ? 'a link to the file' : 'the file\'s address in data-url';
      add(row, 'file', shape, first, files.flatMap(addressesOf).filter(isFile), {
        name: squeeze(first.getAttribute('title')) || textOf(first, 300), press: presses.length ? describe(presses[0]) : null,
      });
      return;
    }
    if (presses.length) {
      add(row, 'press', 'a button without an address', presses[0], [], { name: pressOf(presses[0]) });
      return;
    }
    const links = addressed.filter((node) => node.localName === 'a' && /^https?:/.test(addressesOf(node)[0]) && !node.matches(DEEDS));
    const away = links.filter((node) => new URL(addressesOf(node)[0]).origin !== location.origin);
    const called = (kind) => within(row, `[class*=attachment${kind} i],[class*=attachment-${kind} i],[class*=attachment_${kind} i]`)[0];
    const text = called('text');
    if (away.length || (links.length && called('url'))) {
      const link = away[0] || links[0];
      add(row, 'url', 'a link to another page', link, [addressesOf(link)[0]], { name: squeeze(link.getAttribute('title')) || textOf(link, 300) });
    } else if (text || (!links.length && !within(row, 'button,[role=button],input').some((node) => !node.matches(DEEDS)) && lib.piecesOf(row).length)) {
      add(row, 'text', 'a text', text || row, [], { marked: Boolean(text), name: squeeze((text || row).getAttribute('title')), text: text && text !== row ? textOf(text, 500) : lib.piecesOf(row).join(' ') });
    } else if (textOf(row, 20) || links.length) {
      add(row, 'unknown', 'none that is known', links[0] || row.querySelector('button,[role=button]') || row, links.map((node) => addressesOf(node)[0]));
    }
  };
  const isEmptyMark = (node) => node.matches('.none');
  const isRow = (node) => (node.parentElement && node.parentElement.matches(LISTS)) || node.matches('.attachment[data-url],.attachmentFile,.s-attachmentFile');
  for (const node of all('li,.attachment[data-url]')) {
    if (!isRow(node) || isEmptyMark(node) || [...taken].some((other) => other.contains(node)) || node.closest(ADDS)) continue;
    read(node);
  }
  // Attachments outside of lists: any link with a file's address, and buttons near attachments.
  for (const node of all('a,[data-url],[data-href],[role=button],button')) {
    if ([...taken].some((other) => other.contains(node)) || node.closest(ADDS) || node.closest('.public_attachments')) continue;
    if (addressesOf(node).some(isFile) || (node.closest(PLACES) && pressOf(node))) read(node);
  }
  for (const node of all(ADDS)) if (node.matches('a,button,[role=button]') && shown(node) && left.length < 20) left.push({ is: describe(node), section: sectionOf(node) });

  // --- what the page says about its attachments -----------------------------------------------------------------------
  const lists = all(PLACES).map((node) => ({
    section: sectionOf(node), shown: shown(node),
    none: within(node, 'li.none').length > 0 && !within(node, 'li').some((row) => isRow(row) && !isEmptyMark(row)),
  }));
  const BUSY = '[aria-busy=true],[class*=spinner i],[class*=skeleton i],.loading,.s-loading';
  const content = one('.order_headers_show_page,.requisition_headers_show_page,#content,.content,main') || document.body;
  const busy = within(content, BUSY).some((node) => shown(node) && node.getClientRects().length > 0);
  const counted = (node) => { const found = squeeze(node.textContent).match(/[(（]\s*(\p{Nd}+)\s*[)）]/u); return found ? found[1] : ''; };
  const homeOf = (node) => node.closest('.comment,.commentItem,.s-comment,li,tr,#order_line_table_section,#comments,.commentsSection,section') || content;
  const claims = all('button.s-viewFileAttachment,.s-viewFileAttachment').filter((node) => shown(node) && counted(node)).map((node) => {
    // In the header it counts the attachments of the whole page; in a comment or line those shown there.
    const home = homeOf(node), whole = sectionOf(node) === 'header' || !home.querySelector(PLACES);
    return {
      count: counted(node), is: describe(node), section: sectionOf(node), whole, open: node.getAttribute('aria-expanded') || '',
      // Without invisible buttons: this one reveals them.
      entries: [...taken].filter((row, at) => home.contains(row) && (entries[at].kind !== 'press' || entries[at].shown)).length,
    };
  });

  // --- paging of lines and comments ---------------------------------------------------------------------------------------
  const PAGERS = '[class*=paginat i],[class*=pager i]';
  const turns = [];
  for (const section of all('#order_line_table_section,#comments,.commentsSection')) {
    for (const node of within(section, 'a,button,[role=button]')) {
      const pager = node.closest(PAGERS), next = node.matches('[rel~=next],.next_page,.next,[class*=nextPage i],[class*=next-page i]');
      if (!shown(node) || (!pager && !next) || (pager && !section.contains(pager))) continue;
      const box = node.closest('li') || node;
      const state = [node, box].some((at) => at.matches('.active,.current,.selected,[aria-current]:not([aria-current=false])'));
      const off = lib.off(node) || [node, box].some((at) => at.matches('.disabled,.is-disabled'));
      const page = squeeze(node.textContent).match(/^\p{Nd}+$/u);
      turns.push({ is: describe(node), section: section.id || 'comments', next, page: page ? page[0] : '', current: state, off });
    }
    for (const node of within(section, '.current,[aria-current=page],em.current')) {
      if (node.closest(PAGERS) && !node.matches('a,button') && /^\p{Nd}+$/u.test(squeeze(node.textContent))) turns.push({ is: null, section: section.id || 'comments', next: false, page: squeeze(node.textContent), current: true, off: true });
    }
  }

  const supplier = one('section#supplier .supplier_name_wrapper span.supplier-name,#supplier .supplier-name');
  const ways = all('a[href*="/requisition_headers/"]').filter((node) => !node.closest('#comments,.commentsSection,nav,header,.coupaGlobalHeader,footer') && /\/requisition_headers\/\d+/.test(node.getAttribute('href')));
  const exact = ways.filter((node) => node.closest('.form_element'));
  return {
    ready: document.readyState, url: location.href, title: squeeze(document.title),
    controller: root.dataset.controller || '', action: root.dataset.action || '', id: root.dataset.id || '',
    wrapper: Boolean(one('.order_headers_show_page')), header: Boolean(one('.coupaGlobalHeader')),
    signs_out: Boolean(one('a[href*="/sessions/destroy"],form[action*="/sessions/destroy"],[data-url*="/sessions/destroy"]')),
    csrf: Boolean(one('meta[name=csrf-token]')), asks, flash, heading: heading ? textOf(heading, 200) : '', headings,
    length: textOf(document.body || root, 4000).length,
    supplier: supplier ? textOf(supplier, 200) : '', requisitions: [...new Set((exact.length ? exact : ways).map((node) => absolute(node.getAttribute('href'))))],
    entries, left, lists, busy, claims, turns,
    comments: Boolean(one('#comments,.commentsSection')),
  };
}
