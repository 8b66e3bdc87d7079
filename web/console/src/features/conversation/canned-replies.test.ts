import type { CannedReply } from '@shared/api-types';
import { expect, it } from 'vitest';
import { matchCannedReplies } from './match-canned-replies';

const reply = (shortcut: string, body: string): CannedReply => ({
  id: shortcut,
  shortcut,
  body,
  created_at: '',
  updated_at: '',
});
const replies = [
  reply('refund', 'The money is on its way.'),
  reply('hello', 'Hello!'),
  reply('late', 'Sorry, we refund the fee.'),
];

it.each([
  ['/', ['refund', 'hello', 'late']],
  ['/re', ['refund', 'late']],
  ['/HEL', ['hello']],
  ['/hello there', []],
  ['a / b', []],
  ['', []],
])('%s means %o', (text, expected) => {
  expect(matchCannedReplies(replies, text).map((match) => match.shortcut)).toEqual(expected);
});
