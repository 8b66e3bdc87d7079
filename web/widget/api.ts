import type { Entry, Page, Problem, UploadedFile, WidgetSession } from '@shared/api-types';
import type { Visitor } from './host';

/** The server said no, or (`status` 0) could not be asked. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** The few calls that a visitor makes. */
export class VisitorApi {
  #base: string;

  constructor(origin: string) {
    this.#base = `${origin}/api/v1`;
  }

  /** Resumes the session of `token`, or begins one. */
  session(key: string, token: string | null, visitor: Visitor | undefined, locale: string): Promise<WidgetSession> {
    return this.#send('POST', '/widget/sessions', null, {
      widget_key: key,
      token: token ?? undefined,
      visitor,
      page_url: location.href.slice(0, 2000),
      referrer: document.referrer.slice(0, 2000) || undefined,
      locale,
    });
  }

  async messages(token: string, conversation: string, beforeSeq: number): Promise<Entry[]> {
    const path = `/conversations/${conversation}/messages?before_seq=${beforeSeq}&limit=50`;
    const page = await this.#send<Page<Entry>>('GET', path, token);
    return page.items;
  }

  askForPerson(token: string, conversation: string): Promise<unknown> {
    return this.#send('POST', `/conversations/${conversation}/handoff`, token, { to: 'agent' });
  }

  rate(token: string, conversation: string, score: number, comment: string): Promise<void> {
    return this.#send('POST', `/conversations/${conversation}/rating`, token, { score, comment: comment || undefined });
  }

  upload(token: string, conversation: string, file: File, signal: AbortSignal): Promise<UploadedFile> {
    const form = new FormData();
    form.append('conversation_id', conversation);
    form.append('file', file);
    return this.#send('POST', '/files', token, form, signal);
  }

  async #send<T>(method: string, path: string, token: string | null, body?: object, signal?: AbortSignal): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (token) headers.Authorization = `Bearer ${token}`;
    const form = body instanceof FormData;
    if (body && !form) headers['Content-Type'] = 'application/json';
    const answer = await fetch(this.#base + path, {
      method,
      headers,
      body: form ? body : body && JSON.stringify(body),
      credentials: 'omit',
      signal: signal ?? null,
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new Refused(0, 'unreachable', 'The server cannot be reached.');
    });
    if (!answer.ok) {
      const problem = (await answer.json().catch(() => ({}))) as Problem;
      throw new Refused(answer.status, problem.code ?? 'failed', problem.detail ?? problem.title ?? answer.statusText);
    }
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  }
}
