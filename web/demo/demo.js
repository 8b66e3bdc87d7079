// Puts the widget on the sample page, as a shop's own page would with one script tag.
const status = document.getElementById('status');

async function start() {
  const answer = await fetch('/demo/config');
  if (!answer.ok) {
    status.textContent =
      answer.status === 404
        ? 'There is no widget to show yet: set this server up first, then reload.'
        : 'The server does not answer. Reload to try again.';
    return;
  }
  const { widget_key: key } = await answer.json();
  const script = document.createElement('script');
  script.src = '/widget.js';
  script.async = true;
  script.dataset.key = key;
  script.dataset.locale = new URLSearchParams(location.search).get('locale') ?? 'auto';
  document.head.append(script);
}

// Commands given before the widget is there wait in a queue.
window.Parley ??= Object.assign((...command) => window.Parley.q.push(command), { q: [] });
document.getElementById('ask').addEventListener('click', () => window.Parley('open'));
start().catch(() => {
  status.textContent = 'The server does not answer. Reload to try again.';
});
