import { Paper, Text } from '@mantine/core';
import type { CannedReply } from '@shared/api-types';
import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';
import classes from './canned-reply-menu.module.css';
import { matchCannedReplies } from './match-canned-replies';

export function useCannedReplies(text: string, onPick: (body: string) => void) {
  const id = useId();
  const asked = text.startsWith('/');
  const replies = useQuery({ ...queries.cannedReplies, enabled: asked }).data ?? [];
  const [closedFor, setClosedFor] = useState<string | null>(null);
  const [active, setActive] = useState(0);
  const matches = asked && closedFor !== text ? matchCannedReplies(replies, text) : [];
  const index = Math.min(active, matches.length - 1);
  const pick = (reply: CannedReply) => {
    setActive(0);
    onPick(reply.body);
  };
  return {
    id,
    open: asked && closedFor !== text && /^\/\S*$/.test(text),
    matches,
    index,
    pick,
    /** True when the key was for the menu. */
    onKey(event: React.KeyboardEvent): boolean {
      const chosen = matches[index];
      if (!chosen) return false;
      if (event.key === 'ArrowDown') setActive((index + 1) % matches.length);
      else if (event.key === 'ArrowUp') setActive((index - 1 + matches.length) % matches.length);
      else if (event.key === 'Escape') setClosedFor(text);
      else if ((event.key === 'Enter' && !event.shiftKey) || event.key === 'Tab') pick(chosen);
      else return false;
      event.preventDefault();
      return true;
    },
    fieldProps:
      matches.length > 0
        ? ({
            role: 'combobox',
            'aria-expanded': true,
            'aria-controls': id,
            'aria-activedescendant': `${id}-${index}`,
            'aria-autocomplete': 'list',
          } as const)
        : {},
  };
}

export function CannedReplyMenu({ canned }: { canned: ReturnType<typeof useCannedReplies> }) {
  const { t } = useTranslation();
  if (!canned.open) return null;
  return (
    <Paper className={classes.menu} withBorder shadow="md">
      {canned.matches.length === 0 ? (
        <Text size="sm" c="dimmed" p="sm">
          {t('cannedReplies.noMatch')}
        </Text>
      ) : (
        <div role="listbox" id={canned.id} aria-label={t('cannedReplies.title')}>
          {canned.matches.map((reply, index) => (
            <div
              key={reply.id}
              id={`${canned.id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === canned.index}
              className={classes.option}
              // Before the field loses the focus.
              onMouseDown={(event) => {
                event.preventDefault();
                canned.pick(reply);
              }}
            >
              <b>/{reply.shortcut}</b>
              <span>{reply.body}</span>
            </div>
          ))}
        </div>
      )}
    </Paper>
  );
}
