// @vitest-environment jsdom
import type { Conversation } from '@shared/api-types';
import { describe, expect, it } from 'vitest';
import { belongs } from './inbox-filter';
import { place } from './live-events';

const conversation = (id: string, at: number, more: Partial<Conversation> = {}) =>
  ({
    id,
    kind: 'support',
    status: 'open',
    handler: 'ai',
    priority: 'normal',
    tags: [],
    assignee: null,
    contact: null,
    deleted_at: null,
    last_message: { seq: 1 },
    last_activity_at: new Date(at).toISOString(),
    ...more,
  }) as unknown as Conversation;

const list = (...pages: { ids: [string, number][]; next?: string }[]) => ({
  pageParams: pages.map(() => undefined),
  pages: pages.map(({ ids, next }) => ({
    items: ids.map(([id, at]) => conversation(id, at)),
    next_cursor: next ?? null,
  })),
});

const idsOf = (data: ReturnType<typeof place>) => data.pages.map((page) => page.items.map((item) => item.id));

describe('a conversation that changed', () => {
  it('moves to its place by activity', () => {
    const before = list({
      ids: [
        ['a', 30],
        ['b', 20],
        ['c', 10],
      ],
    });

    expect(idsOf(place(before, conversation('c', 40), true))).toEqual([['c', 'a', 'b']]);
  });

  it('leaves a list to which it no longer belongs', () => {
    expect(
      idsOf(
        place(
          list({
            ids: [
              ['a', 30],
              ['b', 20],
            ],
          }),
          conversation('a', 30),
          false,
        ),
      ),
    ).toEqual([['b']]);
  });

  it('enters a list that is empty', () => {
    expect(idsOf(place(list({ ids: [] }), conversation('a', 1), true))).toEqual([['a']]);
  });

  it('stands on one page only', () => {
    const before = list({ ids: [['a', 30]], next: 'x' }, { ids: [['b', 20]] });

    expect(idsOf(place(before, conversation('b', 40), true))).toEqual([['b', 'a'], []]);
  });

  it('waits for its page when that is not loaded', () => {
    expect(idsOf(place(list({ ids: [['a', 30]], next: 'x' }), conversation('z', 5), true))).toEqual([['a']]);
  });
});

describe('the views of the inbox', () => {
  const mine = { assignee: { id: 'me', name: 'Me' }, handler: 'agent' } as Partial<Conversation>;

  it.each([
    ['mine', mine, true],
    ['mine', { ...mine, status: 'resolved' }, false],
    ['waiting', { handler: 'queue' }, true],
    ['ai', {}, true],
    ['all', { status: 'pending' }, true],
    ['closed', { status: 'archived' }, true],
    ['closed', {}, false],
    ['all', { kind: 'assistant' }, false],
    ['all', { deleted_at: '2026-01-01T00:00:00.000Z' }, false],
    ['all', { last_message: null }, false],
  ] as const)('%s: %o is in it: %s', (view, more, expected) => {
    expect(belongs(conversation('a', 1, more as Partial<Conversation>), { kind: 'support', view }, 'me')).toBe(
      expected,
    );
  });
});
