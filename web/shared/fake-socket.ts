import type { Socket, Surroundings } from './connection';

/** The server's side of sockets in tests: what was sent, and a way to answer. */
export class FakeSocket implements Socket {
  readyState = 0;
  onopen: ((event: unknown) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: Record<string, unknown>[] = [];

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  accept(): void {
    this.readyState = 1;
    this.onopen?.({});
  }

  receive(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  fail(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  ofType(type: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame.type === type);
  }
}

/** A network and a tab that the test switches. */
export class FakeSurroundings implements Surroundings {
  #online = true;
  #visible = true;
  #watchers = new Set<() => void>();

  online = () => this.#online;
  visible = () => this.#visible;

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  set(next: { online?: boolean; visible?: boolean }): void {
    this.#online = next.online ?? this.#online;
    this.#visible = next.visible ?? this.#visible;
    for (const watcher of this.#watchers) watcher();
  }
}
