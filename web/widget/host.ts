import type { WidgetConfig } from '@shared/api-types';

/** Who the page says its visitor is; `signature` is the HMAC-SHA256 of `external_id` and proves it. */
export type Visitor = { external_id?: string; name?: string; email?: string; signature?: string };

export type Locale = 'en' | 'zh-CN';

/** What a page can listen to with `Parley('on', …)`. */
export type PageEvents = {
  open: undefined;
  close: undefined;
  unread: number;
  message: { id: string; seq: number; from: string; name: string | null; body: string | null };
};

/** Keeps the session's token: in `localStorage`, shared by the tabs of a site, or in memory where that is blocked. */
export type TokenStore = {
  read(): string | null;
  write(token: string | null): void;
  /** Another tab wrote. */
  changed(listener: (token: string | null) => void): () => void;
};

/** What the loader, which every visitor of a page gets, hands to the panel, which comes with the first click. */
export type Host = {
  /** Of the server, from the script's own address. */
  origin: string;
  key: string;
  config: WidgetConfig;
  locale: Locale;
  root: ShadowRoot;
  button: HTMLButtonElement;
  store: TokenStore;
  visitor(): Visitor | undefined;
  /** The button's picture and label follow. */
  shown(open: boolean): void;
  unread(count: number): void;
  tell<E extends keyof PageEvents>(event: E, detail: PageEvents[E]): void;
};

export type Panel = {
  open(): void;
  close(): void;
  identify(): void;
  /** Removes everything, and forgets the session. */
  shutdown(): void;
};
