// The check on the engineer's own machine. It takes the key out of the address, gives it back as a header, and puts
// what the program answers into the page. It keeps nothing, and asks nobody but the address that it came from.
'use strict';
(() => {
  const main = document.getElementById('main');
  const key = location.hash.slice(1);
  // Neither the address bar nor the history keeps the key.
  history.replaceState(null, '', location.pathname);

  const put = (nodes) => {
    main.replaceChildren(...nodes);
    const head = main.querySelector('[data-focus]') ?? main;
    document.title = `${head.textContent.trim()} – aiworklab`;
    head.focus();
    scrollTo(0, 0);
  };
  const say = (id) => put([document.getElementById(id).content.cloneNode(true)]);

  const ask = async (path, body) => {
    const headers = { 'aiworklab-key': key };
    if (body) headers['content-type'] = 'application/json';
    try {
      const answer = await fetch(path, { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body),
        cache: 'no-store', credentials: 'omit', mode: 'same-origin', redirect: 'error', referrerPolicy: 'no-referrer' });
      const read = new DOMParser().parseFromString(await answer.text(), 'text/html');
      put([...read.body.childNodes]);
    } catch {
      say('gone');
    }
  };

  main.addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.target;
    const answer = event.submitter?.value || new FormData(form).get('answer');
    if (!answer || form.dataset.sent) return;
    form.dataset.sent = 'yes';
    ask('/answer', { ask: Number(form.dataset.ask), answer });
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const pick = main.querySelector(`#check input[name=answer][value="${CSS.escape(event.key)}"]`);
    if (!pick) return;
    pick.checked = true;
    pick.focus();
  });

  if (key) ask('/check'); else say('keyless');
})();
