// What a document asks for: its visible input fields, buttons and texts. `lib` is the object of po_pw/browser/controls.js.
// Returns the facts, and the elements they are of, in the same order; nothing here decides.
(lib) => {
  const TEXTUAL = /^(text|email|tel|number|url|search|password)$/;
  const usable = (element) => lib.shown(element) && !lib.off(element);
  const formOf = (element) => element.form || element.closest('form');
  const forms = [];
  const numberOf = (element) => {
    const form = formOf(element);
    if (!form) return -1;
    if (!forms.includes(form)) forms.push(form);
    return forms.indexOf(form);
  };
  const sends = (element) => formOf(element) && (element.type === 'submit' || element.type === 'image');
  const methodOf = (element) => (formOf(element)?.getAttribute('method') || '').toLowerCase();
  const fields = lib.all('input').filter((one) => TEXTUAL.test(one.type) && usable(one) && !one.readOnly).slice(0, 60);
  const buttons = lib.all('button,input[type=submit],input[type=button],input[type=image],[role=button]').filter(usable).slice(0, 40);
  const spoken = lib.all('h1,h2,h3,[role=heading],label,legend').filter(lib.shown).slice(0, 40).map((one) => lib.textOf(one, 120));
  const labels = lib.all('a[href]').filter(lib.shown).slice(0, 200).map((one) => lib.labelOf(one).slice(0, 60));
  const named = lib.all('form,input[type=checkbox],input[type=hidden]').slice(0, 60);
  return {
    elements: [...fields, ...buttons],
    facts: {
      fields: fields.map((one) => ({
        type: one.type,
        autocomplete: (one.getAttribute('autocomplete') || '').toLowerCase(),
        name: `${one.name} ${one.id}`.trim(),
        numeric: one.inputMode === 'numeric' || /^(tel|number)$/.test(one.type) || /^\W*(\\d|\[0-9\])/.test(one.getAttribute('pattern') || ''),
        longest: one.maxLength > 0 ? one.maxLength : 0,
        form: numberOf(one),
        posts: methodOf(one) === 'post',
        searches: one.type === 'search' || Boolean(one.closest('[role=search],search')),
      })),
      buttons: buttons.map((one) => ({ label: (lib.labelOf(one) || one.value || '').slice(0, 60), name: `${one.name || ''} ${one.id}`.trim(), form: numberOf(one), sends: Boolean(sends(one)) })),
      spoken: [document.title, ...spoken],
      links: labels,
      names: named.map((one) => `${one.getAttribute('name') || ''} ${one.id} ${one.localName === 'form' ? one.getAttribute('action') || '' : ''}`.trim()).filter(Boolean),
    },
  };
}
