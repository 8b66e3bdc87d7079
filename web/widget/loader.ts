import type { WidgetConfig } from '@shared/api-types';
import { accentStyles } from './colour';
import type { Host, Locale, PageEvents, Panel, TokenStore, Visitor } from './host';
import styles from './loader.css?inline';

/** The panel's file, put in by the build. */
declare const __PANEL__: string;

declare global {
  interface Window {
    Parley?: ParleyCommand & { q?: IArguments[]; loaded?: boolean };
  }
}

type ParleyCommand = (...command: unknown[]) => void;

/** All that a page loads for everybody: the button. It is here that words must be few, so they stand beside their use. */
const words: Record<Locale, { open: string; close: string; unread: (count: number) => string; failed: string }> = {
  en: {
    open: 'Open chat',
    close: 'Close chat',
    unread: (count) => `Open chat, ${count} unread`,
    failed: 'The chat could not be loaded. Try again.',
  },
  'zh-CN': {
    open: '打开聊天',
    close: '关闭聊天',
    unread: (count) => `打开聊天，${count} 条未读`,
    failed: '聊天无法加载，请重试。',
  },
};

const icons = { chat: ['M4 5h16v11H11l-5 4v-4H4z', 'M8 9.5h8M8 12.5h5'], shut: ['m6 9 6 6 6-6'] };

const plain: WidgetConfig = {
  title: '',
  greeting: '',
  color: '',
  locale: null,
  calls: false,
  assistant: true,
  max_file_bytes: 0,
};

const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>('script[data-key][src*="widget.js"]');
const earlier = window.Parley;
if (script && !earlier?.loaded) load(script, [...(earlier?.q ?? [])]);

function load(script: HTMLScriptElement, waiting: IArguments[]) {
  const { origin } = new URL(script.src);
  const attributes = script.dataset;
  const key = attributes.key ?? '';
  const store = tokenStore(`parley:${key}`);
  const page = new EventTarget();
  let visitor: Visitor | undefined = fromAttributes(attributes);
  let button: Promise<Launcher | null> | null = null;
  let panel: Promise<Panel> | null = null;

  type Launcher = Omit<Host, 'origin' | 'key' | 'store' | 'visitor' | 'tell'> & { element: HTMLElement };

  function tell<E extends keyof PageEvents>(event: E, detail: PageEvents[E]) {
    page.dispatchEvent(new CustomEvent(event, { detail }));
  }

  /** The button, in a shadow tree of its own; null when this key has no widget. */
  async function show(): Promise<Launcher | null> {
    const config = await fetchConfig(origin, key);
    if (!config) return null;
    const locale = chooseLocale(attributes.locale, config.locale);
    const text = words[locale];

    const element = document.createElement('div');
    element.lang = locale;
    const root = element.attachShadow({ mode: 'open' });
    adopt(root, accentStyles(attributes.color ?? config.color) + styles);
    const launcher = document.createElement('button');
    launcher.type = 'button';
    launcher.className = 'launcher';
    for (const [name, paths] of Object.entries(icons)) launcher.append(icon(name, paths));
    const badge = document.createElement('span');
    badge.className = 'badge';
    badge.hidden = true;
    launcher.append(badge);
    root.append(launcher);

    let count = 0;
    const label = () => {
      const open = launcher.ariaExpanded === 'true';
      launcher.ariaLabel = open ? text.close : count > 0 ? text.unread(count) : text.open;
      badge.textContent = count > 9 ? '9+' : String(count);
      badge.hidden = open || count === 0;
    };
    launcher.ariaExpanded = 'false';
    launcher.setAttribute('aria-haspopup', 'dialog');
    label();
    launcher.addEventListener('click', () => run(launcher.ariaExpanded === 'true' ? 'close' : 'open'));
    await bodyReady();
    document.body.append(element);

    return {
      element,
      config,
      locale,
      root,
      button: launcher,
      shown(open) {
        launcher.ariaExpanded = String(open);
        label();
      },
      unread(next) {
        count = next;
        label();
      },
    };
  }

  /** The rest, once. A failed load is forgotten, so the next click tries again. */
  function start(): Promise<Panel> {
    panel ??= (async () => {
      button ??= show();
      const launcher = await button;
      if (!launcher) throw new Error(`Parley: there is no widget with the key "${key}".`);
      launcher.button.ariaBusy = 'true';
      try {
        const address = new URL(__PANEL__, `${origin}/widget/`).href;
        const { mount } = (await import(/* @vite-ignore */ address)) as { mount: (host: Host) => Panel };
        launcher.button.title = '';
        return mount({ ...launcher, origin, key, store, tell, visitor: () => visitor });
      } catch (error) {
        launcher.button.title = words[launcher.locale].failed;
        throw error;
      } finally {
        launcher.button.ariaBusy = null;
      }
    })();
    panel.catch(() => {
      panel = null;
    });
    return panel;
  }

  async function shutdown() {
    const [launcher, running] = [button, panel];
    button = panel = null;
    visitor = undefined;
    (await running?.catch(() => null))?.shutdown();
    store.write(null);
    (await launcher)?.element.remove();
  }

  function boot() {
    button ??= show();
    if (store.read()) start().catch(report);
    else {
      const stop = store.changed((token) => {
        if (!token || !button) return;
        stop();
        start().catch(report); // another tab began to talk
      });
    }
  }

  function run(command: unknown, ...details: unknown[]) {
    switch (command) {
      case 'open':
        start().then((running) => running.open(), report);
        break;
      case 'close':
        panel?.then((running) => running.close(), report);
        break;
      case 'identify':
        visitor = { ...visitor, ...(details[0] as Visitor) };
        panel?.then((running) => running.identify(), report);
        break;
      case 'on': {
        const [event, listener] = details as [string, (detail: unknown) => void];
        page.addEventListener(event, (heard) => listener((heard as CustomEvent).detail));
        break;
      }
      case 'shutdown':
        void shutdown();
        break;
      case 'boot':
        boot();
        break;
      default:
        report(new Error(`Parley: there is no command "${String(command)}".`));
    }
  }

  window.Parley = Object.assign((...command: unknown[]) => run(command[0], ...command.slice(1)), { loaded: true });
  for (const command of waiting) run(command[0], ...[...command].slice(1));
  boot();
}

function report(error: unknown) {
  // biome-ignore lint/suspicious/noConsole: the page's author looks here, the visitor sees the button's title
  console.warn(error);
}

function fromAttributes({ externalId, name, email, signature }: DOMStringMap): Visitor | undefined {
  return externalId || name || email ? { external_id: externalId, name, email, signature } : undefined;
}

/** Null when the server knows no such widget; the bare button when the server cannot be asked now. */
async function fetchConfig(origin: string, key: string): Promise<WidgetConfig | null> {
  try {
    const answer = await fetch(`${origin}/api/v1/widget/config?widget_key=${encodeURIComponent(key)}`, {
      credentials: 'omit',
    });
    if (answer.ok) return (await answer.json()) as WidgetConfig;
    if (answer.status < 500 && answer.status !== 429) return null;
  } catch {
    // no network yet
  }
  return plain;
}

function chooseLocale(...wishes: (string | null | undefined)[]): Locale {
  const wish = [...wishes, document.documentElement.lang, navigator.language].find(
    (locale) => locale && locale !== 'auto',
  );
  return wish?.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
}

/** Constructed sheets pass a content security policy that forbids inline styles. */
function adopt(root: ShadowRoot, css: string) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
}

/** Made by hand: a page may demand trusted types, which forbids `innerHTML`. */
function icon(name: string, paths: string[]): SVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', name);
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of paths) {
    const path = document.createElementNS(svg.namespaceURI, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

function bodyReady(): Promise<void> | void {
  if (document.body) return;
  return new Promise((resolve) => document.addEventListener('DOMContentLoaded', () => resolve(), { once: true }));
}

function tokenStore(name: string): TokenStore {
  let memory: string | null = null;
  return {
    read() {
      try {
        return localStorage.getItem(name) ?? memory;
      } catch {
        return memory;
      }
    },
    write(token) {
      memory = token;
      try {
        if (token) localStorage.setItem(name, token);
        else localStorage.removeItem(name);
      } catch {
        // blocked: this page alone remembers
      }
    },
    changed(listener) {
      const heard = (event: StorageEvent) => {
        if (event.key === name) listener(event.newValue);
      };
      addEventListener('storage', heard);
      return () => removeEventListener('storage', heard);
    },
  };
}
