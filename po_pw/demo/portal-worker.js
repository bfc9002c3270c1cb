// Asks for a list in the page's place.
onmessage = async (event) => {
  const answer = await fetch(event.data, { headers: { Accept: 'application/json' } });
  postMessage(await answer.json());
};
