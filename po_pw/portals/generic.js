// One look at one frame: which attachments it shows, whether it is still loading, what can be opened or turned.
// Returns {items, claimed, busy, expanders, next, ready, sections}. Called again and again until nothing changes.
(whole) => {
  const TOPIC = /attach|anexo|adjunt|pi[eè]ces? jointe|anlage|anh[aä]nge|allegat|bijlage|załącznik|添付|附件/i;
  const FILE = /\.(pdf|docx?|xlsx?|xlsm|xlsb|csv|pptx?|odt|ods|rtf|txt|msg|eml|zip|7z|rar|gz|tiff?|png|jpe?g|gif|bmp|heic|webp|svg|xml|json|html?|dwg|dxf|p7m|p7s)$/i;
  const FILE_PATH = /\/(attachments?|attachment_file|downloads?|files?|documents?|blobs?)(\/|$|\?)/i;
  const NOT_A_FILE = /^\W*(delete|remove|add|upload|edit|rename|print|share|sign (in|out)|log (in|out)|preview all|download all|löschen|hinzufügen|excluir|adicionar|supprimer|ajouter|eliminar|agregar)\b/i;
  const OPENS = /\b(show|view|expand|display|open|load)\b.*\b(attach|files|documents)|anzeigen|mostrar|exibir|afficher|ver (anexos|adjuntos)/i;
  const NEXT = /^\W*(next|next page|more|load more|weiter|nächste|pr[oó]xim[oa]|siguiente|suivant|›|»|>)\W*$/i;
  const GETS = /^\W*(download|get|open file|herunterladen|baixar|descargar|télécharger)\b/i;

  const shown = (element) => {
    if (!element.isConnected) return false;
    const style = getComputedStyle(element);
    return style.visibility !== 'hidden' && style.display !== 'none' && (element.getClientRects().length > 0 || style.display === 'contents');
  };
  const label = (element) => (element.getAttribute('aria-label') || element.getAttribute('title') || element.innerText || element.value || '').trim();
  const path = (element) => {
    const parts = [];
    for (let node = element; node && node.nodeType === 1; node = node.parentElement) {
      if (node.id && document.querySelectorAll('#' + CSS.escape(node.id)).length === 1) { parts.unshift('#' + CSS.escape(node.id)); break; }
      const same = node.parentElement ? [...node.parentElement.children].filter((other) => other.localName === node.localName) : [node];
      parts.unshift(node.localName + (same.length > 1 ? `:nth-of-type(${same.indexOf(node) + 1})` : ''));
    }
    return parts.join(' > ');
  };
  // What sends a form may change something: it neither opens nor turns anything.
  const submits = (element) => Boolean(element.form || element.closest('form')) && /^(submit|image)$/i.test(element.type || '');
  const heading = (section) => section.querySelector('h1,h2,h3,h4,h5,h6,legend,summary,[role=heading],.panel-title,.section-title');

  const named = [...document.querySelectorAll('section,fieldset,details,div,ul,ol,table,form,article,aside')].filter((element) => {
    const words = [element.id, element.className && String(element.className), element.getAttribute('data-testid'), element.getAttribute('aria-label')].filter(Boolean).join(' ');
    if (/attachment|anexo|adjunto|anlagen/i.test(words)) return true;
    if (!['SECTION', 'FIELDSET', 'DETAILS', 'ARTICLE', 'ASIDE'].includes(element.tagName)) return false;
    const title = heading(element);
    return Boolean(title) && TOPIC.test(title.innerText || '');
  });
  const sections = whole ? [document.body] : named.filter((element) => !named.some((other) => other !== element && other.contains(element)));
  const strict = sections.length === 0;
  const roots = strict ? [document.body] : sections;

  const items = [], expanders = [], seen = new Map();
  let next = null, claimed = null, busy = false, unframed = 0;

  // An icon and a text may lead to the same file: one attachment, under the name that says more.
  const add = (item) => {
    const known = seen.get(item.href);
    if (!known) { seen.set(item.href, item); items.push(item); } else if (!known.name) known.name = item.name;
  };
  for (const root of roots) {
    if (!root) continue;
    const title = heading(root);
    const words = strict ? '' : [title ? title.innerText : '', root.getAttribute('data-count') ? `(${root.getAttribute('data-count')})` : ''].join(' ');
    const counts = words.match(/\((\d+)\)/) || words.match(/(\d+)\s*(attachments?|files?|documents?|anexos?|adjuntos?|anlagen)/i);
    if (counts) claimed = (claimed || 0) + Number(counts[1]);
    const place = title ? title.innerText.replace(/\s*\(\d+\)\s*/, '').trim().slice(0, 80) : '';
    if (!strict && (root.matches('[aria-busy=true]') || [...root.querySelectorAll('[aria-busy=true],[role=progressbar],.loading,.spinner,.skeleton')].some(shown))) busy = true;
    unframed += root.querySelectorAll('iframe').length;

    for (const element of root.querySelectorAll('a[href],button,input[type=submit],input[type=button],[role=button],summary')) {
      const text = label(element);
      const hidden = !shown(element);
      if (element.localName === 'a' && element.hasAttribute('href')) {
        let url;
        try { url = new URL(element.getAttribute('href'), document.baseURI); } catch { continue; }
        const raw = element.getAttribute('href').trim();
        if (/^(mailto|tel|data):/i.test(raw)) continue;
        const inPage = raw.startsWith('#') || /^javascript:/i.test(raw);
        if (!inPage && !/^https?:$/.test(url.protocol)) continue;
        const turns = element.rel === 'next' || NEXT.test(text);
        if (!strict && turns && !hidden && element.getAttribute('aria-disabled') !== 'true') { next = path(element); continue; }
        if (turns || element.rel === 'prev' || NOT_A_FILE.test(text)) continue;
        if (inPage) {
          if (!strict && !hidden && (FILE.test(text) || GETS.test(text))) items.push({ kind: 'click', selector: path(element), name: text, place });
          continue;
        }
        const fileLike = element.hasAttribute('download') || FILE.test(decodeURIComponent(safe(url.pathname))) || FILE_PATH.test(url.pathname) || element.matches('[data-filename],[data-file-id]');
        const name = element.getAttribute('download') || element.getAttribute('data-filename') || element.getAttribute('title') || (element.innerText || '').trim();
        const addressOnly = element.matches('[rel~=external],[data-kind=url],.attachment-url');
        if (addressOnly) { add({ kind: 'external', href: url.href, name, place }); continue; }
        if (strict ? !(element.hasAttribute('download') || (fileLike && !element.closest('footer,nav,header'))) : !(fileLike || FILE.test(name))) continue;
        add({ kind: 'link', href: url.href, name, place });
        continue;
      }
      if (strict || hidden) continue;
      const off = element.disabled || element.getAttribute('aria-disabled') === 'true';
      if (NEXT.test(text)) { if (!off && !submits(element)) next = path(element); continue; }
      if (element.getAttribute('aria-expanded') === 'false' || (element.localName === 'summary' && !element.parentElement.open) || OPENS.test(text)) {
        if (!off && !submits(element) && element.getAttribute('aria-expanded') !== 'true') expanders.push(path(element));
        continue;
      }
      if (off || NOT_A_FILE.test(text)) continue;
      const promised = element.getAttribute('data-filename') || '';
      if (promised || FILE.test(text) || GETS.test(text) || /file attachment$/i.test(text)) {
        const name = promised || text.replace(GETS, '').replace(/\s*file attachment$/i, '').trim();
        items.push({ kind: 'click', selector: path(element), name, place });
      }
    }
  }
  if (strict) {
    for (const element of document.querySelectorAll('button,[role=button]')) {
      if (shown(element) && !submits(element) && OPENS.test(label(element)) && element.getAttribute('aria-expanded') !== 'true') expanders.push(path(element));
    }
  }
  function safe(text) { try { decodeURIComponent(text); return text; } catch { return ''; } }
  const supplier = document.querySelector('.supplier-name,[itemprop=seller],[data-field=supplier],#supplier .name');
  return {
    items, claimed, busy, expanders, next, sections: sections.length, iframes: unframed,
    ready: document.readyState, supplier: supplier ? supplier.innerText.trim() : '',
  };
}
