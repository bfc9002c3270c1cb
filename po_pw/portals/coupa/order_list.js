// Looks once at Coupa's list of orders: its rows, its search, and the controls that turn it. Returns plain JSON.
(lib) => {
  const { squeeze, shown, all, textOf, describe } = lib;
  const absolute = (text) => { try { return new URL(text, document.baseURI).href; } catch { return ''; } };
  const PAGERS = '[class*=paginat i],[class*=pager i]';
  const ASIDE = 'nav,.coupaGlobalHeader,footer';
  const orders = all('a[href*="/order_headers/"]').filter((node) => !node.closest(ASIDE)).map((node) => ({
    url: absolute(node.getAttribute('href')), text: textOf(node, 200),
  }));
  // A search that only reads: a form with GET and one text field, in the page and not in the site's header.
  const searches = [];
  for (const form of document.forms) {
    if ((form.getAttribute('method') || 'get').toLowerCase() !== 'get' || form.closest('nav,.coupaGlobalHeader,footer,header')) continue;
    const fields = [...form.elements].filter((one) => one.name && !one.disabled);
    const texts = fields.filter((one) => one.localName === 'input' && /^(text|search)$/.test(one.type));
    if (texts.length !== 1) continue;
    const rest = fields.filter((one) => one !== texts[0] && !/^(submit|button|image|reset|file|password)$/.test(one.type) && !(/^(checkbox|radio)$/.test(one.type) && !one.checked));
    searches.push({ action: absolute(form.getAttribute('action') || location.href), field: texts[0].name, rest: rest.map((one) => [one.name, String(one.value)]) });
  }
  const inRow = (node) => { const row = node.closest('tr,li,[role=row]'); return Boolean(row && row.querySelector('a[href*="/order_headers/"]')); };
  const isAside = (node) => !node.closest(PAGERS) && Boolean(node.closest(`${ASIDE},header`));
  // Controls that may show other orders; their labels decide later.
  const turns = [];
  for (const node of all('a,button,[role=button]')) {
    if (turns.length >= 200 || isAside(node) || inRow(node) || !shown(node) || textOf(node, 60).length > 40) continue;
    const box = node.closest('li') || node;
    turns.push({
      is: describe(node), pager: Boolean(node.closest(PAGERS)), next: node.matches('[rel~=next],.next_page,.next,[class*=nextPage i],[class*=next-page i]'),
      current: [node, box].some((at) => at.matches('.active,.current,.selected,[aria-current]:not([aria-current=false])')),
      off: lib.off(node) || [node, box].some((at) => at.matches('.disabled,.is-disabled')),
    });
  }
  // Texts that may count the orders or the pages of the list.
  const counts = [];
  for (const node of all('div,span,p,caption,em,strong,small,label,td,th,li')) {
    if (counts.length >= 50 || node.childElementCount > 3 || isAside(node) || inRow(node) || !shown(node)) continue;
    const text = squeeze(node.textContent);
    if (text.length <= 80 && /\d\D+\d/.test(text)) counts.push({ text, pager: Boolean(node.closest(PAGERS)) });
  }
  return { url: location.href, orders, searches, turns, counts };
}
