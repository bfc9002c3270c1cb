// Whether a list on a page belongs to another order. A page may show several orders: a list under a heading that names
// another one, or in a block where another one's number stands at the place of this one's in a block like it, is not this
// order's. `options.alike` finds numbers of the same form as the order's; without it nothing is another's.
(lib, { everything, levelOf, ownText }, options) => {
  const { squeeze, shown, parentOf } = lib;
  const ALIKE = options.alike ? new RegExp(options.alike, 'giu') : null;
  const bare = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
  const numbersIn = (text) => (text.match(ALIKE) || []).map(bare);
  const namesOwn = (text) => numbersIn(text).includes(bare(options.number));
  const namesOther = (text) => numbersIn(text).some((one) => one !== bare(options.number)) && !namesOwn(text);
  const position = ALIKE ? new Map(everything.map((node, at) => [node, at])) : null;
  const headings = ALIKE ? everything.filter((node) => levelOf(node) && shown(node)) : [];
  const isOtherOrders = (roots, label, header) => {
    if (!ALIKE) return false;
    if (namesOther(label)) return true;
    for (let block = roots[0]; block && block !== document.body && parentOf(block); block = parentOf(block)) {
      if (namesOwn(block.textContent || '')) break;
      const slots = [...block.querySelectorAll('*')].filter((one) => ownText(one).length < 60 && !/\.[a-z\d]{2,4}$/i.test(ownText(one)) && namesOther(ownText(one)));
      const like = slots.length ? [...parentOf(block).children].filter((one) => one !== block && one.localName === block.localName && one.className === block.className) : [];
      if (like.some((one) => slots.some((slot) => [...one.querySelectorAll(slot.localName)].some((its) => its.className === slot.className && namesOwn(ownText(its)))))) return true;
    }
    const at = position.get(header && position.has(header) ? header : roots[0]);
    let level = (header && levelOf(header)) || 7;
    for (const heading of headings.filter((one) => position.get(one) < at).reverse()) {
      if (levelOf(heading) >= level) continue;
      level = levelOf(heading);
      const text = squeeze(heading.textContent);
      if (namesOwn(text)) return false;
      if (namesOther(text)) return true;
    }
    return false;
  };
  return isOtherOrders;
}
