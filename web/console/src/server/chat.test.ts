// @vitest-environment jsdom
import type { Sender } from '@shared/api-types';
import type { Unsent } from '@shared/socket';
import { describe, expect, it } from 'vitest';
import { initialChat, nextChat } from './chat';

const ada: Sender = { type: 'visitor', id: 'ada', name: 'Ada' };
const bo: Sender = { type: 'agent', id: 'bo', name: 'Bo' };
const live = { type: 'state', state: { kind: 'live' } } as const;
const running = { id: 'r', model: 'm', text: 'Hel', index: 2 };

describe('an open conversation', () => {
  it('knows who is typing until they stop or say something', () => {
    const both = [
      live,
      { type: 'typing', sender: ada, on: true } as const,
      { type: 'typing', sender: bo, on: true } as const,
    ].reduce(nextChat, initialChat);
    expect(both.typing).toEqual([ada, bo]);

    const stopped = nextChat(both, { type: 'typing', sender: bo, on: false });
    expect(stopped.typing).toEqual([ada]);
  });

  it('forgets who was typing when the connection is lost', () => {
    const typing = nextChat(nextChat(initialChat, live), { type: 'typing', sender: ada, on: true });

    expect(nextChat(typing, { type: 'state', state: { kind: 'offline' } }).typing).toEqual([]);
  });

  it('keeps each reader at the furthest they have read', () => {
    const read = nextChat(nextChat(initialChat, { type: 'read', sender: ada, seq: 7 }), {
      type: 'read',
      sender: ada,
      seq: 4,
    });

    expect(read.reads).toEqual({ ada: 7 });
  });

  it('says that a reply failed until the next one begins', () => {
    const failed = nextChat(initialChat, { type: 'reply-failed', code: 'no_provider', detail: null });
    expect(failed.replyFailure?.code).toBe('no_provider');
    expect(nextChat(failed, { type: 'reply', reply: null }).replyFailure?.code).toBe('no_provider');
    expect(nextChat(failed, { type: 'reply', reply: running }).replyFailure).toBeNull();
  });

  it('shows what is not stored yet as the socket tells it', () => {
    const unsent: Unsent[] = [
      { client_id: 'x', body: 'Hi', created_at: '2026-01-01T00:00:00.000Z', state: { kind: 'sending' } },
    ];

    expect(nextChat(initialChat, { type: 'outbox', unsent }).outbox).toBe(unsent);
  });
});
