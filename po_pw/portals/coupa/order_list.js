// One look at Coupa's list of orders: which orders it shows, and how it is searched. Returns plain JSON.
(lib) => {
  const { squeeze, all, textOf } = lib;
  const absolute = (text) => { try { return new URL(text, document.baseURI).href; } catch { return ''; } };
  const orders = all('a[href*="/order_headers/"]').filter((node) => !node.closest('nav,.coupaGlobalHeader,footer')).map((node) => ({
    url: absolute(node.getAttribute('href')), text: textOf(node, 200),
  }));
  // A search that only reads: a form with GET and one field for text, of the page itself and not of the site's header.
  const searches = [];
  for (const form of document.forms) {
    if ((form.getAttribute('method') || 'get').toLowerCase() !== 'get' || form.closest('nav,.coupaGlobalHeader,footer,header')) continue;
    const fields = [...form.elements].filter((one) => one.name && !one.disabled);
    const texts = fields.filter((one) => one.localName === 'input' && /^(text|search)$/.test(one.type));
    if (texts.length !== 1) continue;
    const rest = fields.filter((one) => one !== texts[0] && !/^(submit|button|image|reset|file|password)$/.test(one.type) && !(/^(checkbox|radio)$/.test(one.type) && !one.checked));
    searches.push({ action: absolute(form.getAttribute('action') || location.href), field: texts[0].name, rest: rest.map((one) => [one.name, String(one.value)]) });
  }
  return { orders, searches, said: squeeze(document.title) };
}
