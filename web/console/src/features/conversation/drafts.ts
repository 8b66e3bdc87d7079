/** What was begun and not sent; it survives a reload. A note's draft is kept apart from an answer's. */
export type DraftKind = 'reply' | 'note';

const key = (conversationId: string, kind: DraftKind) => `parley.draft.${conversationId}.${kind}`;

export const loadDraft = (conversationId: string, kind: DraftKind): string =>
  localStorage.getItem(key(conversationId, kind)) ?? '';

export function saveDraft(conversationId: string, kind: DraftKind, text: string): void {
  if (text === '') localStorage.removeItem(key(conversationId, kind));
  else localStorage.setItem(key(conversationId, kind), text);
}
