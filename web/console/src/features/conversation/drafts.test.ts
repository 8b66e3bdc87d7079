// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from 'vitest';
import { loadDraft, saveDraft } from './drafts';

describe('drafts', () => {
  beforeEach(() => localStorage.clear());

  it('are kept per conversation, notes apart from answers', () => {
    saveDraft('c1', 'reply', 'Dear Ada');
    saveDraft('c1', 'note', 'She is angry');
    saveDraft('c2', 'reply', 'Dear Bo');

    expect([
      loadDraft('c1', 'reply'),
      loadDraft('c1', 'note'),
      loadDraft('c2', 'reply'),
      loadDraft('c2', 'note'),
    ]).toEqual(['Dear Ada', 'She is angry', 'Dear Bo', '']);
  });

  it('leave nothing behind when the text is gone', () => {
    saveDraft('c1', 'reply', 'x');
    saveDraft('c1', 'reply', '');

    expect(localStorage.length).toBe(0);
  });
});
