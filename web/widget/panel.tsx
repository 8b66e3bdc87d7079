/** @jsxImportSource preact */
import type { Entry } from '@shared/api-types';
import { render } from 'preact';
import { VisitorApi } from './api';
import { Chat, type ChatView } from './chat';
import type { Host, Panel } from './host';
import styles from './panel.css?inline';
import { describeEvent, nameOf } from './view/message-list';
import { Sheet } from './view/sheet';
import { language } from './words';

/** Puts the sheet beside the button; called by the loader, once. */
export function mount(host: Host): Panel {
  const words = language(host.locale);
  const container = document.createElement('div');
  const narrow = matchMedia('(max-width: 480px)');
  let open = false;
  let announcement = '';
  let unread = 0;

  const sheetStyles = new CSSStyleSheet();
  sheetStyles.replaceSync(styles);
  host.root.adoptedStyleSheets = [...host.root.adoptedStyleSheets, sheetStyles];
  host.root.append(container);

  const chat = new Chat({
    origin: host.origin,
    key: host.key,
    locale: host.locale,
    api: new VisitorApi(host.origin),
    store: host.store,
    visitor: host.visitor,
    changed: draw,
    arrived,
  });

  function draw(view: ChatView = chat.view) {
    if (view.unread !== unread) {
      unread = view.unread;
      host.unread(unread);
      host.tell('unread', unread);
    }
    render(
      open ? (
        <Sheet
          view={view}
          words={words}
          config={host.config}
          full={narrow.matches}
          announcement={announcement}
          actions={actions}
        />
      ) : null,
      container,
    );
  }

  const actions = {
    close,
    post: chat.post.bind(chat),
    typing: chat.typing.bind(chat),
    upload: chat.upload.bind(chat),
    askForPerson: chat.askForPerson.bind(chat),
    rate: chat.rate.bind(chat),
    retryNow: chat.retryNow.bind(chat),
    startAnew: chat.startAnew.bind(chat),
    loadEarlier: () => void chat.loadEarlier(),
    stopReply: chat.stopReply.bind(chat),
    retry: chat.retry.bind(chat),
    discard: chat.discard.bind(chat),
    fileAddress: (file: { url: string }) => `${host.origin}${file.url}?access_token=${chat.token ?? ''}`,
  };

  function arrived(entry: Entry) {
    const text =
      entry.kind === 'event' ? describeEvent(entry, words) : words.says(nameOf(entry.sender, words), entry.body ?? '');
    if (!text) return;
    announcement = text;
    draw();
    if (entry.kind === 'event') return;
    const { id, seq, body, sender } = entry;
    host.tell('message', { id, seq, body, from: sender.type, name: sender.name });
  }

  const look = () => chat.look(open && document.visibilityState === 'visible');

  function show() {
    if (open) return;
    open = true;
    host.shown(true);
    draw();
    look();
    host.tell('open', undefined);
  }

  function close() {
    if (!open) return;
    open = false;
    announcement = '';
    look();
    host.shown(false);
    draw();
    host.button.focus();
    host.tell('close', undefined);
  }

  const resized = () => draw();
  narrow.addEventListener('change', resized);
  document.addEventListener('visibilitychange', look);
  chat.resume();

  return {
    open: show,
    close,
    identify: () => chat.identify(),
    shutdown() {
      narrow.removeEventListener('change', resized);
      document.removeEventListener('visibilitychange', look);
      chat.shutdown();
      render(null, container);
    },
  };
}
