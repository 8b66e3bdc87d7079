import { Paper, Text } from '@mantine/core';
import { IconClipboardText } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Clock } from '@/ui/times';
import classes from './briefing-card.module.css';
import { Markdown } from './markdown';

/** What the AI leaves to the person who takes over; the visitor never sees it. */
export function BriefingCard({ text, at }: { text: string; at: string }) {
  const { t } = useTranslation();
  return (
    <Paper className={classes.card} withBorder p="sm" my="xs">
      <div className={classes.title}>
        <IconClipboardText size={16} aria-hidden />
        <Text span size="xs" fw={600}>
          {t('conversation.briefing')}
        </Text>
        <Clock at={at} className={classes.time} />
      </div>
      <Markdown text={text} />
    </Paper>
  );
}
